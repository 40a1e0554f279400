"""Builds the layer report from the times of kernels; the same arithmetic for every engine."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, List, Sequence

import numpy as np

from ..errors import Busy
from .report import SCHEMA, Conditions, LayerReport, ReportItem

ACTIVATIONS = ("Clip", "HardSigmoid", "Relu")  # belong to the layer they follow, as in `stem` and `stem_relu6`
AGREEMENT = 0.10  # times that should be equal may differ by this much without a note

_PROFILING = threading.Lock()


@dataclass(eq=False)
class ReportLayer:
    """What becomes one item of the report; nodes: names of its ONNX nodes, none where it is work of no layer."""

    name: str
    op: str
    nodes: List[str]


@contextmanager
def one_profile_at_a_time() -> Iterator[None]:
    """Hold the process's only profile, since two would measure each other; Busy where another one holds it."""
    if not _PROFILING.acquire(blocking=False):
        raise Busy("another layer profile is running: try again in a second", retry_after=1)
    try:
        yield
    finally:
        _PROFILING.release()


def is_activation(op: str, name: str, layer: str) -> bool:
    """Whether the node of that name is part of the layer, as its activation; a hard swish ends in a product."""
    return name.startswith(f"{layer}_") and (op in ACTIVATIONS or (op == "Mul" and name == f"{layer}_hard_swish"))


def build_report(
    layers: Sequence[ReportLayer],
    kernel_ms: np.ndarray,
    profiled_ms: np.ndarray,
    latency_ms: np.ndarray,
    conditions: Conditions,
) -> LayerReport:
    """Build the report as it is answered.

    layers: the layer of each kernel, in the order they run. kernel_ms: (runs, kernels). profiled_ms: (runs,) totals of
    the same runs. latency_ms: runs without a profiler. Every time in the report is a median over runs; `sum_ms` adds up
    the items that are layers, `unattributed_ms` those that are not (no `onnx_nodes`), `share` is of both together.
    """
    columns: Dict[ReportLayer, List[int]] = {}
    for column, layer in enumerate(layers):
        columns.setdefault(layer, []).append(column)
    items = [_make_item(layer, kernel_ms[:, chosen].sum(axis=1)) for layer, chosen in columns.items()]
    attributed = sum(item["ms"] for item in items if item["onnx_nodes"])
    unattributed = sum(item["ms"] for item in items if not item["onnx_nodes"])
    kernels = attributed + unattributed
    for item in items:
        item["share"] = round(item["ms"] / kernels, 4) if kernels else 0.0
    total = float(np.median(profiled_ms))
    low, high = np.percentile(latency_ms, (10, 90))
    report: LayerReport = {
        "schema": SCHEMA,
        "latency_ms": _round_ms(np.median(latency_ms)),
        "latency_ms_p10": _round_ms(low),
        "latency_ms_p90": _round_ms(high),
        "sum_ms": _round_ms(attributed),
        "unattributed_ms": _round_ms(unattributed),
        "profiled_ms": _round_ms(total),
        "runs": len(kernel_ms),
        "conditions": conditions,
        "items": items,
    }
    between = float(np.median(profiled_ms - kernel_ms.sum(axis=1)))
    noisy = conditions.get("noisy")
    notes = [
        f"These times are not to be trusted: {noisy}." if noisy else "",
        _explain_gap(kernels, total, between),
        _explain_slowdown(latency_ms, profiled_ms, len(layers)),
    ]
    note = " ".join(filter(None, notes))
    if note:
        report["note"] = note
    return report


def _make_item(layer: ReportLayer, samples: np.ndarray) -> ReportItem:
    """All but the share, of which the sum of all items must be known."""
    p10, median, p90 = np.percentile(samples, (10, 50, 90))
    return {
        "name": layer.name,
        "onnx_nodes": list(layer.nodes),
        "op": layer.op,
        "ms": _round_ms(median),
        "ms_p10": _round_ms(p10),
        "ms_p90": _round_ms(p90),
        "share": 0.0,
    }


def _explain_gap(kernels: float, total: float, between: float) -> str:
    """Where the profiled total is not the sum of the kernels; empty where they agree."""
    gap = total - kernels
    if abs(gap) <= AGREEMENT * total:
        return ""
    return (
        f"sum_ms + unattributed_ms is {kernels:.3f} ms, {abs(gap) / total:.0%} {'less' if gap > 0 else 'more'} than"
        f" profiled_ms: {between:.3f} ms of a run lie between the kernels (starting each, recording its time and"
        f" rounding it), {gap - between:.3f} ms come from adding up medians (a kernel that other work on the machine"
        " interrupts in a few runs counts in the total alone)."
    )


def _explain_slowdown(latency_ms: np.ndarray, profiled_ms: np.ndarray, kernels: int) -> str:
    """What the profiler costs, by the quickest tenth of the runs, which nothing interrupted; empty if it is little."""
    latency, profiled = np.percentile(latency_ms, 10), np.percentile(profiled_ms, 10)
    if profiled <= (1 + AGREEMENT) * latency:
        return ""
    return (
        f"The profiler slows a run from {latency:.3f} to {profiled:.3f} ms (10th percentiles), by"
        f" {1000 * (profiled - latency) / kernels:.1f} us for each of {kernels} kernels; in part that lies within the"
        " kernel's time, so layers of many small kernels show too much."
    )


def _round_ms(milliseconds: float) -> float:
    return round(float(milliseconds), 4)
