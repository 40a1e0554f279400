"""The layer report: where the time of a run goes, layer by layer. The same for every engine."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Sequence

import numpy as np

from .errors import Busy

if TYPE_CHECKING:
    from .layer_attribution import Layer  # imports onnx, which is not needed to serve

SCHEMA = 1
AGREEMENT = 0.10  # times that should be equal may differ by this much without a note

_PROFILING = threading.Lock()


@contextmanager
def one_profile_at_a_time() -> Iterator[None]:
    """Hold the process's only profile, since two would measure each other; Busy where another one holds it."""
    if not _PROFILING.acquire(blocking=False):
        raise Busy("another layer profile is running: try again in a second", retry_after=1)
    try:
        yield
    finally:
        _PROFILING.release()


def layer_report(
    layers: Sequence[Layer],
    kernel_ms: np.ndarray,
    profiled_ms: np.ndarray,
    latency_ms: np.ndarray,
    conditions: Dict[str, Any],
) -> Dict[str, Any]:
    """Build the report as it is answered.

    layers: the layer of each kernel, in the order they run. kernel_ms: (runs, kernels). profiled_ms: (runs,) totals of
    the same runs. latency_ms: runs without a profiler. Every time in the report is a median over runs; `sum_ms` adds up
    the items that are layers, `unattributed_ms` those that are not (no `onnx_nodes`), `share` is of both together.
    """
    columns: Dict[Layer, List[int]] = {}
    for column, layer in enumerate(layers):
        columns.setdefault(layer, []).append(column)
    items = [_item(layer, kernel_ms[:, chosen].sum(axis=1)) for layer, chosen in columns.items()]
    attributed = sum(item["ms"] for item in items if item["onnx_nodes"])
    unattributed = sum(item["ms"] for item in items if not item["onnx_nodes"])
    kernels = attributed + unattributed
    for item in items:
        item["share"] = round(item["ms"] / kernels, 4) if kernels else 0.0
    latency, total = float(np.median(latency_ms)), float(np.median(profiled_ms))
    report = {
        "schema": SCHEMA,
        "latency_ms": _rounded(latency),
        "sum_ms": _rounded(attributed),
        "unattributed_ms": _rounded(unattributed),
        "profiled_ms": _rounded(total),
        "runs": len(kernel_ms),
        "conditions": conditions,
        "items": items,
    }
    note = _note(kernels, total, latency, len(layers))
    return {**report, "note": note} if note else report


def _item(layer: Layer, samples: np.ndarray) -> Dict[str, Any]:
    p10, median, p90 = np.percentile(samples, (10, 50, 90))
    return {
        "name": layer.name,
        "onnx_nodes": list(layer.nodes),
        "op": layer.op,
        "ms": _rounded(median),
        "ms_p10": _rounded(p10),
        "ms_p90": _rounded(p90),
    }


def _note(kernels: float, total: float, latency: float, count: int) -> str:
    """What a reader must know before adding up the times; empty where they agree."""
    note = []
    gap = total - kernels
    if abs(gap) > AGREEMENT * total:
        note.append(
            f"sum_ms + unattributed_ms is {kernels:.3f} ms, {abs(gap) / total:.0%} {'less' if gap > 0 else 'more'} than"
            f" profiled_ms, {total:.3f} ms: the rest lies between the {count} kernels (starting each, recording its"
            " time, and the part of a microsecond that the trace cuts off)."
        )
    if total > (1 + AGREEMENT) * latency:
        each = 1000 * (total - latency) / count
        note.append(
            f"A run takes {latency:.3f} ms without the profiler: it adds about {each:.1f} us to each kernel, in part"
            " within the kernel's time, so that layers of many small kernels show too much."
        )
    return " ".join(note)


def _rounded(milliseconds: float) -> float:
    return round(float(milliseconds), 4)
