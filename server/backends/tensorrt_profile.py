"""Profiled runs of a TensorRT engine, and the layer report made of them.

The profiler is attached to an execution context of its own. Up to TensorRT 8.6 a profile of dynamic shapes serves one
context, so the engine file is read a second time for the report, and freed after it; the context that serves is never
slowed down. Reading may take a minute on a board, and happens in a thread of its own (`load_in_own_thread`). The thread
that owns the CUDA context does the runs, so no request is computed meanwhile, and neither disturbs the other's times.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from ..profiling import board
from ..profiling.board_conditions import describe_board, describe_board_states
from ..profiling.build_report import build_report
from ..profiling.machine import describe_machine
from ..profiling.report import Conditions, LayerReport
from . import cuda
from .cuda import Buffer, Context
from .engine_card import EngineCard
from .tensorrt_engine import Engine, EngineContext
from .tensorrt_execution import Execution
from .tensorrt_layers import find_report_layers
from .tensorrt_library import import_tensorrt

WARM_UP = 5
MIN_RUNS, MAX_RUNS = 10, 100
SECONDS = 0.1  # small nets are run more often


def describe_conditions(card: EngineCard, shape: Sequence[int], batch: np.ndarray) -> Conditions:
    """What the times depend on, as far as it is known before the runs."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "backend": "tensorrt",
        "tensorrt": card.tensorrt,
        "cuda": cuda.cuda_version(),
        "gpu": card.gpu,
        "compute_capability": card.compute_capability,
        "provider": "cuda",
        "clock": "latency_ms, profiled_ms: host, latency_ms with the copies; engine_ms, layers: the GPU's events",
        "precision": card.precision,
        "engine_sha256": card.engine_sha256,
        "onnx_sha256": card.onnx_sha256,
        "batch": len(batch),
        "input": [len(batch), *shape],
        **describe_machine(),
        **describe_board(),
    }


def load_in_own_thread(plan: bytes) -> Engine:
    """The engine, read in a thread of its own while requests are computed. Raises what Engine does."""

    def load() -> Engine:
        context = Context()  # the GPU's primary one, as everywhere
        try:
            return Engine(plan)
        finally:
            context.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(load).result()


def profile_engine(
    engine: Engine,
    card: EngineCard,
    context: Context,
    execution: Execution,
    batch: np.ndarray,
    runs: Optional[int],
    known: Conditions,
) -> LayerReport:
    """The layer report of `batch`.

    engine: of `load_in_own_thread`; it is closed here. execution: the one that serves, by which latency_ms is measured.
    known: conditions, which are completed here: engine_ms is the GPU's time of a run without copies or profiler, to
    compare the sum of the layers with; board_before, board_after and, where a clock changed, `noisy` with the reason.
    """
    try:
        latency_ms = measure_latency_ms(execution, batch, runs)
        before = board.read_board_state()
        names, kernel_ms, profiled_ms, engine_ms = run_profiled(engine, context, batch, len(latency_ms))
    finally:
        engine.close()
    after = board.read_board_state()
    known = {**known, "engine_ms": round(float(np.median(engine_ms)), 4)}
    known.update(describe_board_states(before, after, on_gpu=True))
    return build_report(find_report_layers(card.layers, names), kernel_ms, profiled_ms, latency_ms, known)


def measure_latency_ms(execution: Execution, batch: np.ndarray, runs: Optional[int]) -> np.ndarray:
    """Milliseconds of `runs` runs as requests get them. None: as many as take about 0.1 s, 10 to 100."""

    def seconds() -> float:
        start = time.perf_counter()
        execution.run(batch)
        return time.perf_counter() - start

    warm_up = [seconds() for _ in range(WARM_UP)]
    if runs is None:
        runs = min(max(math.ceil(SECONDS / float(np.median(warm_up))), MIN_RUNS), MAX_RUNS)
    return np.array([1000 * seconds() for _ in range(runs)])


def run_profiled(
    engine: Engine, context: Context, batch: np.ndarray, runs: int
) -> Tuple[List[str], np.ndarray, np.ndarray, np.ndarray]:
    """Run the engine with a profiler.

    Returns the names that it reported (K,), milliseconds per run and name (runs, K), per whole run on the host's clock
    (runs,), and of runs without the profiler on the GPU's clock (runs,).
    """
    buffers: List[Buffer] = []
    running = engine.create_context()
    try:
        for shape in (engine.input_shape, engine.output_shape):
            buffers += [Buffer(context, (engine.max_batch, *shape), mapped=False)]
        return _measure(engine, running, context, buffers, batch, runs)
    finally:
        running.close()
        for buffer in buffers:
            buffer.free()


def _measure(
    engine: Engine, running: EngineContext, context: Context, buffers: Sequence[Buffer], batch: np.ndarray, runs: int
) -> Tuple[List[str], np.ndarray, np.ndarray, np.ndarray]:
    stream = context.new_stream()
    images, logits = buffers
    images.host[:] = 0
    images.host[: len(batch)] = batch
    images.copy_in(engine.max_batch, stream)
    running.bind(images.pointer, logits.pointer)
    running.set_batch(max(len(batch), engine.min_batch))
    for _ in range(WARM_UP):
        running.enqueue(stream.handle)
    stream.synchronize()
    engine_ms = context.measure_ms(stream, lambda: running.enqueue(stream.handle), runs)
    profiler = new_profiler()
    running.report_to(profiler)
    samples: List[List[Tuple[str, float]]] = []
    profiled_ms = []
    for _ in range(WARM_UP + runs):
        profiler.times = []
        start = time.perf_counter()
        running.execute()
        profiled_ms.append(1000 * (time.perf_counter() - start))
        samples.append(profiler.times)
    names, kernel_ms = tabulate(samples[WARM_UP:])
    return names, kernel_ms, np.array(profiled_ms[WARM_UP:]), engine_ms


def tabulate(samples: Sequence[Sequence[Tuple[str, float]]]) -> Tuple[List[str], np.ndarray]:
    """Names in the order they came (K,), and times (runs, K); one that a run reports twice adds up."""
    names = list(dict.fromkeys(name for run in samples for name, _ in run))
    column = {name: i for i, name in enumerate(names)}
    times = np.zeros((len(samples), len(names)))
    for row, run in zip(times, samples):
        for name, milliseconds in run:
            row[column[name]] += milliseconds
    return names, times


def new_profiler() -> Any:
    trt = import_tensorrt()

    class Profiler(trt.IProfiler):  # type: ignore[misc, name-defined]
        """times: name and milliseconds of each layer of the last run."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.times: List[Tuple[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.times.append((layer_name, ms))

    return Profiler()
