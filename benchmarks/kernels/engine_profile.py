"""The milliseconds of each layer of an engine, by TensorRT's own profiler."""

from __future__ import annotations

import tensorrt as trt

from benchmarks.harness.engines import BoundContext
from benchmarks.harness.kernel_library import Stream


class Profiler(trt.IProfiler):  # type: ignore[misc]
    """Collects the milliseconds that TensorRT reports for each layer of each run."""

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.samples: dict[str, list[float]] = {}

    def report_layer_time(self, layer_name: str, ms: float) -> None:
        self.samples.setdefault(layer_name, []).append(ms)


def profile_layers(bound: BoundContext, stream: Stream, runs: int) -> dict[str, list[float]]:
    """Milliseconds of each layer in `runs` runs on the loaded inputs, after three that are not kept."""
    profiler = Profiler()
    bound.context.profiler = profiler
    for _ in range(3):
        bound.start(stream)
        stream.synchronize()
    profiler.samples.clear()
    for _ in range(runs):
        bound.start(stream)
        stream.synchronize()
    return profiler.samples
