"""Classify all test images with every shipped model, through every engine there is: python -m benchmarks.accuracy

PyTorch and ONNX Runtime on the CPU in float32, and the TensorRT engines of `make engine` where there are any; what
could not be run is named with the reason. Labels are compared image by image (McNemar's test), so that two models that
saw the same images can be told apart better than by their shares alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
import torch

from benchmarks.operations import count_operations
from benchmarks.significance import compare, wilson
from benchmarks.timing import write
from export.checkpoint import model_from_checkpoint
from export.datasets import load_dataset
from export.onnx_from_checkpoint import SAMPLES
from server.backend import Backend, infer_in_parts
from server.engine_card import PRECISIONS, card_path, file_sha256, read_card
from server.errors import StartupError
from server.onnxruntime_backend import OnnxRuntimeBackend

BASELINE, TWINS = "mobilenet_v2", ("fwht_mf_mobilenet_v2", "fwht_mobilenet_v2")
REFERENCE = "pytorch fp32"
BATCH = 100
Infer = Callable[[np.ndarray], np.ndarray]
Found = Union[np.ndarray, str]  # the class ids that an engine gave, or why it could not be run


def main(arguments: list[str] | None = None) -> int:
    args = parse(arguments)
    results: dict[str, Any] = {"data": {}, "models": {}, "comparisons": []}
    right: dict[str, np.ndarray] = {}
    for name in args.names or sorted(path.stem for path in args.models.glob("*.safetensors")):
        model, card = model_from_checkpoint(args.models / f"{name}.safetensors")
        plain = card["preprocessing"]
        dataset = load_dataset(args.data, plain["size"], plain["resize"])
        results["data"] = {"description": dataset.description, "sha256": dataset.sha256()}
        pixels = dataset.test.images.astype(np.float32)
        images = ((pixels - np.float32(plain["mean"])) / np.float32(plain["std"])).transpose(0, 3, 1, 2)
        found = class_ids(name, model, np.ascontiguousarray(images), args.models, args.engines)
        truth, reference = dataset.test.class_ids, found[REFERENCE]
        right[name] = np.asarray(reference == truth)
        engines = {engine: judged(ids, np.asarray(reference), truth) for engine, ids in found.items()}
        results["models"][name] = {**facts(model, card, args.models / name), "engines": engines}
        print_engines(name, engines)
    results["comparisons"] = comparisons(right)
    for row in results["comparisons"]:
        first, second = row["models"]
        print(f"{first} against {second}: {row['points']:+.2f} points, p = {row['p']:.3g} (McNemar)")
    print(f"written: {write('accuracy', results, args.out)}")
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=(__doc__ or "").split(":")[0])
    add = parser.add_argument
    add("names", nargs="*", help="models (all that lie in MODELS)")
    add("--data", type=Path, default=SAMPLES, help="data set whose test images are classified (1,000 of CIFAR-10)")
    add("--models", type=Path, default=Path("models"), help="folder of weights, cards and ONNX files (models)")
    add("--engines", type=Path, default=Path("build"), help="folder of the TensorRT engines (build)")
    add("--out", type=Path, help="JSON file (build/bench/accuracy.json)")
    return parser.parse_args(arguments)


def facts(model: torch.nn.Module, card: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a model is and costs, for one image of its size."""
    operations = count_operations(model, card["preprocessing"]["size"])
    return {
        "architecture": card["architecture"],
        "parameters": card["parameters"],
        "multiply_adds": operations.multiply_adds,
        "additions": operations.additions,
        "tanh": operations.tanh,
        "onnx_bytes": path.with_suffix(".onnx").stat().st_size,
        "weights_bytes": path.with_suffix(".safetensors").stat().st_size,
        "weights_sha256": card["sha256"],
        "trained": card.get("training", {}),
        "card_top1": card.get("accuracy", {}).get("top1"),
    }


def class_ids(name: str, model: torch.nn.Module, images: np.ndarray, models: Path, engines: Path) -> dict[str, Found]:
    """What every engine says, by the engine's name; (N,) each."""
    found: dict[str, Found] = {REFERENCE: predictions(torch_infer(model), images)}
    onnx = models / f"{name}.onnx"
    backend = OnnxRuntimeBackend(onnx)
    found[f"onnxruntime {backend.precision}"] = predictions(backend.infer, images)
    backend.close()
    for precision in PRECISIONS[::-1]:
        try:
            engine = tensorrt_backend(card_path(engines, name, precision), onnx)
        except StartupError as error:
            found[f"tensorrt {precision}"] = str(error)
            continue
        try:
            found[f"tensorrt {precision}"] = predictions(lambda batch, e=engine: infer_in_parts(e, batch), images)  # type: ignore[misc]
        finally:
            engine.close()
    return found


def torch_infer(model: torch.nn.Module) -> Infer:
    def infer(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits: np.ndarray = model(torch.from_numpy(batch)).numpy()
        return logits

    return infer


def tensorrt_backend(card: Path, onnx: Path) -> Backend:
    """The engine of that card. Raises StartupError where there is none, or none of this ONNX file, or no TensorRT."""
    if not card.exists():
        raise StartupError(f"{card} is not there: `make engine` on a machine with TensorRT makes it")
    if read_card(card).onnx_sha256 != file_sha256(onnx):
        raise StartupError(f"{card} is that of another ONNX file than {onnx}: build the engine again")
    try:
        from server.tensorrt_backend import TensorRTBackend  # type: ignore[import-not-found, unused-ignore] # late: needs pycuda
    except ImportError as error:
        raise StartupError(f"no TensorRT here ({error})") from error
    backend: Backend = TensorRTBackend(card)
    return backend


def predictions(infer: Infer, images: np.ndarray) -> np.ndarray:
    logits = [infer(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    found: np.ndarray = np.concatenate(logits).argmax(axis=1)
    return found


def judged(found: Found, reference: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    if isinstance(found, str):
        return {"skipped": found}
    correct = int((found == truth).sum())
    low, high = wilson(correct, len(truth))
    other = int((found != reference).sum())
    return {
        "correct": correct,
        "images": len(truth),
        "top1": correct / len(truth),
        "low": low,
        "high": high,
        "other_labels": other,
    }


def comparisons(right: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Every model against the baseline, and the multiplication-free hybrid against its twin, in PyTorch."""
    pairs = [(name, BASELINE) for name in right if name != BASELINE] + [TWINS]
    there = [pair for pair in pairs if right.keys() >= set(pair)]
    return [{"models": pair, **compare(right[pair[0]], right[pair[1]])} for pair in there]


def print_engines(name: str, engines: dict[str, dict[str, Any]]) -> None:
    for engine, row in engines.items():
        if "skipped" in row:
            print(f"{name:24} {engine:18} not run: {row['skipped']}")
        else:
            interval = f"({row['low']:.2%} to {row['high']:.2%})"
            other = f"{row['other_labels']} labels differ from PyTorch's"
            print(f"{name:24} {engine:18} {row['top1']:.2%} {interval} of {row['images']}, {other}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
