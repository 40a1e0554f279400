"""Timed runs of an ONNX Runtime session, and profiled runs with the layer each kernel belongs to."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np
import onnx
import onnxruntime

from ..files import open_scratch_folder
from ..profiling.attribution import attribute_nodes
from ..profiling.build_report import ReportLayer
from .bottleneck_pattern import Bottleneck
from .bottlenecks import split_fused_times
from .onnxruntime_trace import read_kernel_times

WARM_UP = 5
MIN_RUNS, MAX_RUNS = 10, 100
SECONDS = 0.1  # small nets are run more often: the median of ten runs of a millisecond still moves by a tenth

SCRATCH_BYTES = 32 << 20  # the trace of 100 runs of mobilenet_v2 has 5.6 MB, its graph 8.9 MB

Feed = Dict[str, np.ndarray]


def measure_latency_ms(session: onnxruntime.InferenceSession, feed: Feed, runs: Optional[int] = None) -> np.ndarray:
    """Milliseconds of `runs` runs after a warm-up: (runs,). None: as many as take about 0.1 s, 10 to 100."""
    warm_up = [_seconds(session, feed) for _ in range(WARM_UP)]
    if runs is None:
        runs = min(max(math.ceil(SECONDS / float(np.median(warm_up))), MIN_RUNS), MAX_RUNS)
    return np.array([1000 * _seconds(session, feed) for _ in range(runs)])


def run_profiled(
    new_session: Callable[[onnxruntime.SessionOptions], onnxruntime.InferenceSession],
    options: onnxruntime.SessionOptions,
    path: Path,
    feed: Feed,
    runs: int,
    bottlenecks: Mapping[str, Bottleneck],
) -> Tuple[List[ReportLayer], np.ndarray, np.ndarray]:
    """Run a session of its own with the profiler on.

    new_session makes it from `options`, which this function completes; path: the ONNX file; bottlenecks: the session's
    fused nodes, for each of which an output behind the model's is the seconds of its layers. Returns the layer of each
    kernel (K,), milliseconds per run and kernel (runs, K) and per whole run (runs,). The trace and the optimised graph
    are written to a temporary folder that is always removed.
    """
    with open_scratch_folder(SCRATCH_BYTES) as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "trace"))
        options.optimized_model_filepath = str(Path(folder, "optimised.onnx"))
        session = new_session(options)
        answers = [session.run(None, feed) for _ in range(WARM_UP + runs)][WARM_UP:]
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        optimised = onnx.load(options.optimized_model_filepath).graph
    kernel_ms, profiled_ms = read_kernel_times(events, optimised.node, skip=WARM_UP)
    exported = onnx.load(str(path)).graph
    if bottlenecks:
        seconds = np.array([each[len(exported.output) :] for each in answers])  # (runs, bottlenecks, layers)
        kernel_ms = split_fused_times(optimised, kernel_ms, bottlenecks, seconds)
    layers = attribute_nodes(exported, optimised)
    unknown = ReportLayer("kernels that the optimised graph does not have", "unknown", [])
    if kernel_ms[:, -1].any():
        return [*layers, unknown], kernel_ms, profiled_ms
    return layers, kernel_ms[:, :-1], profiled_ms


def _seconds(session: onnxruntime.InferenceSession, feed: Feed) -> float:
    start = time.perf_counter()
    session.run(None, feed)
    return time.perf_counter() - start
