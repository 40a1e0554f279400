"""Two TensorRT engines side by side: the GPU's time of a run, and the host's time of a run as it is served."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

from server.backends.cuda import Buffer, Context
from server.backends.cuda_graph import GraphError, capture
from server.backends.engine_card import EngineCard
from server.backends.tensorrt_engine import Engine, EngineError
from server.backends.tensorrt_execution import Execution, make_noise
from server.backends.tensorrt_profile import measure_latency_ms
from server.profiling.turns import summarize


class TimedEngine:
    """One engine, twice: alone, as a CUDA graph of its layers; and as it serves."""

    def __init__(self, plan: bytes, context: Context, batch: int, stack: ExitStack) -> None:
        self._context = context
        served, alone = Engine(plan), Engine(plan)
        stack.callback(served.close)
        stack.callback(alone.close)
        self._execution = Execution(served, context)
        stack.callback(self._execution.close)
        self._images = make_noise(served, batch)
        running = alone.create_context()
        stack.callback(running.close)
        buffers = []
        for shape in (alone.input_shape, alone.output_shape):
            buffers += [Buffer(context, (alone.max_batch, *shape), mapped=False)]
            stack.callback(buffers[-1].free)
        running.bind(buffers[0].pointer, buffers[1].pointer)
        running.set_batch(batch)
        buffers[0].host[:batch] = self._images
        self._stream = context.new_stream()
        buffers[0].copy_in(batch, self._stream)
        self._start: Callable[[], None] = lambda: running.enqueue(self._stream.handle)
        self._start()
        self._stream.synchronize()
        self.as_graph = True
        try:
            graph = capture(self._stream.handle, self._start)
            stack.callback(graph.free)
            self._start = graph.launch
        except (GraphError, EngineError):
            self.as_graph = False
        self.gpu_ms: list[float] = []
        self.call_ms: list[float] = []
        self.conditions = self._execution.conditions

    def add_turn(self, runs: int) -> None:
        self._context.measure_ms(self._stream, self._start, 10)
        self.gpu_ms += list(self._context.measure_ms(self._stream, self._start, runs))
        self.call_ms += list(measure_latency_ms(self._execution, self._images, runs))

    def summarize(self) -> dict[str, Any]:
        """Summaries without all samples."""
        found = {"gpu": summarize(self.gpu_ms), "call": summarize(self.call_ms)}
        for one in found.values():
            del one["samples_ms"]
        return {**found, "gpu_as_graph": self.as_graph, "conditions": self.conditions}


def compare_engines(
    hybrid: EngineCard, baseline: EngineCard, folder: Path, context: Context, batch: int, rounds: int
) -> dict[str, Any]:
    """Both in turns. folder: that of the engines."""
    with ExitStack() as stack:
        plans = {card.name: (folder / card.engine).read_bytes() for card in (hybrid, baseline)}
        timed = {name: TimedEngine(plan, context, batch, stack) for name, plan in plans.items()}
        for _ in range(rounds):
            for one in timed.values():
                one.add_turn(runs=100)
        found = {name: one.summarize() for name, one in timed.items()}
    own, other = found[hybrid.name], found[baseline.name]
    ratios = {kind: own[kind]["median_ms"] / other[kind]["median_ms"] for kind in ("gpu", "call")}
    return {"model": hybrid.name, "precision": hybrid.precision, "batch": batch, "ratio": ratios, "times": found}
