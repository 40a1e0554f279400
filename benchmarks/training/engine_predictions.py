"""What every engine answers to the same images: PyTorch, ONNX Runtime, and TensorRT where there is an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Union

import numpy as np
import torch

from benchmarks.harness.half_model import HalfSession
from server.backends.backend import Backend, infer_in_parts
from server.backends.engine_card import PRECISIONS, card_path, file_sha256, read_card
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.backends.tensorrt_backend import TensorRTBackend
from server.errors import StartupError

REFERENCE = "pytorch fp32"
BATCH = 100
Infer = Callable[[np.ndarray], np.ndarray]
Predictions = Union[np.ndarray, str]  # the class ids that an engine gave, or why it could not be run


def predict_with_engines(
    name: str, model: torch.nn.Module, images: np.ndarray, models: Path, engines: Path
) -> dict[str, Predictions]:
    """What every engine says, by the engine's name; (N,) each."""
    found: dict[str, Predictions] = {REFERENCE: predict(make_torch_infer(model), images)}
    onnx = models / f"{name}.onnx"
    backend = OnnxRuntimeBackend(onnx)
    found[f"onnxruntime {backend.precision}"] = predict(backend.infer, images)
    backend.close()
    found["onnxruntime fp16"] = predict(HalfSession(onnx).infer, images)
    for precision in PRECISIONS[::-1]:
        try:
            engine = open_tensorrt(card_path(engines, name, precision), onnx)
        except StartupError as error:
            found[f"tensorrt {precision}"] = str(error)
            continue
        try:
            found[f"tensorrt {precision}"] = predict(lambda batch, e=engine: infer_in_parts(e, batch), images)  # type: ignore[misc]
        finally:
            engine.close()
    return found


def make_torch_infer(model: torch.nn.Module) -> Infer:
    def infer(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits: np.ndarray = model(torch.from_numpy(batch)).numpy()
        return logits

    return infer


def open_tensorrt(card: Path, onnx: Path) -> Backend:
    """The engine of that card. Raises StartupError where there is none, or none of this ONNX file, or no TensorRT."""
    if not card.exists():
        raise StartupError(f"{card} is not there: `make engine` on a machine with TensorRT makes it")
    if read_card(card).onnx_sha256 != file_sha256(onnx):
        raise StartupError(f"{card} is that of another ONNX file than {onnx}: build the engine again")
    backend: Backend = TensorRTBackend(card)
    return backend


def predict(infer: Infer, images: np.ndarray) -> np.ndarray:
    logits = [infer(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    found: np.ndarray = np.concatenate(logits).argmax(axis=1)
    return found
