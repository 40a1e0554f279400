"""The one interface behind which engines are exchanged: ONNX Runtime anywhere, TensorRT on the device."""

from __future__ import annotations

from typing import Callable, List, Optional, Protocol

import numpy as np

from ..profiling.report import LayerReport

OPS = ("FWHTLayer", "FWHTLayerAdd", "FWHT2D", "MFDepthwiseConv")  # of our own, with kernels and plugins


def noop() -> None:
    """Do nothing meanwhile."""


class Backend(Protocol):
    """An engine holding one model. Its methods may be called from several threads at once."""

    name: str  # "onnxruntime"
    precision: str  # "fp32"
    provider: str  # what the model really runs on: "cpu" or "cuda"
    problem: Optional[str]  # why it is not ready although it runs, None where all is as asked for
    max_batch: Optional[int]  # most images of one call, None where any number goes

    @property
    def kernels(self) -> Optional[str]:
        """What runs our ops: "native avx2", "function body" or "plugin"; None where the model has none."""

    def infer(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        """Logits float32 (N, K) of images float32 (N, 3, S, S); BadRequest where shape or type is another.

        meanwhile: called while the engine runs if that leaves the processor free, else before it; at least once, unless
        an error is raised first.
        """

    def start(self, work: Callable[[], None]) -> None:
        """Call `work`, which calls `infer`, in the thread where that costs least: in this one, or soon in another."""

    def profile(self, batch: np.ndarray, runs: Optional[int] = None) -> LayerReport:
        """Layer report of separate, profiled runs; Busy while another profile runs."""

    def close(self) -> None:
        """Free the engine; nothing may be called after it."""


def infer_in_parts(
    backend: Backend, batch: np.ndarray, most: Optional[int] = None, meanwhile: Callable[[], None] = noop
) -> np.ndarray:
    """Logits of any number of images, with at most `most` of them, and never more than the engine takes, in a call."""
    most = min(most or len(batch), backend.max_batch or len(batch))
    parts: List[np.ndarray] = []
    for begin in range(0, len(batch), most):
        parts.append(backend.infer(batch[begin : begin + most], meanwhile))
        meanwhile = noop
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
