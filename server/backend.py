"""The one interface behind which engines are exchanged: ONNX Runtime anywhere, TensorRT on the device."""

from __future__ import annotations

from typing import Any, Dict, Optional, Protocol

import numpy as np


class Backend(Protocol):
    """An engine holding one model. Its methods may be called from several threads at once."""

    name: str  # "onnxruntime"
    precision: str  # "fp32"
    provider: str  # what the model really runs on: "cpu" or "cuda"
    problem: Optional[str]  # why it is not ready although it runs, None where all is as asked for
    max_batch: Optional[int]  # most images of one call, None where any number goes

    def infer(self, batch: np.ndarray) -> np.ndarray:
        """Logits float32 (N, K) of images float32 (N, 3, S, S); BadRequest where shape or type is another."""

    def profile(self, batch: np.ndarray, runs: Optional[int] = None) -> Dict[str, Any]:
        """Layer report (see layer_report.py) of separate, profiled runs; Busy while another profile runs."""

    def close(self) -> None:
        """Free the engine; nothing may be called after it."""


def infer_in_parts(backend: Backend, batch: np.ndarray, most: Optional[int] = None) -> np.ndarray:
    """Logits of any number of images, with at most `most` of them, and never more than the engine takes, in a call."""
    most = min(most or len(batch), backend.max_batch or len(batch))
    if len(batch) <= most:
        return backend.infer(batch)
    return np.concatenate([backend.infer(batch[begin : begin + most]) for begin in range(0, len(batch), most)])
