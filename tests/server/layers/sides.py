"""Sides of comparisons, made of a few numbers."""

from __future__ import annotations

from typing import Any, cast

from server.layers.read_side import parse_report
from server.layers.times import Side
from server.profiling.report import LayerReport, ReportItem


def item(name: str, ms: float = 1.0, op: str = "Conv", nodes: list[str] | None = None, **times: Any) -> ReportItem:
    """An item of a report; its node is its name unless others are given, its percentiles are its median."""
    made = {
        "name": name,
        "op": op,
        "onnx_nodes": [name] if nodes is None else nodes,
        "ms": ms,
        "ms_p10": ms,
        "ms_p90": ms,
        "share": 0.1,
        **times,
    }
    return cast(ReportItem, made)


def report(*items: ReportItem, runs: int = 50, **values: Any) -> LayerReport:
    together = sum(one["ms"] for one in items)
    made = {
        "schema": 1,
        "latency_ms": together,
        "latency_ms_p10": together,
        "latency_ms_p90": together,
        "sum_ms": together,
        "unattributed_ms": 0.0,
        "profiled_ms": together,
        "runs": runs,
        "conditions": {"backend": "onnxruntime"},
        "items": list(items),
        **values,
    }
    return cast(LayerReport, made)


def side(*items: ReportItem, **values: Any) -> Side:
    return parse_report("made", report(*items, **values), 0.05)
