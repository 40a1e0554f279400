"""Sides of comparisons, made of a few numbers."""

from __future__ import annotations

from typing import Any

from server.layers.read_side import report_side
from server.layers.times import Side


def item(name: str, ms: float = 1.0, op: str = "Conv", nodes: list[str] | None = None, **times: Any) -> dict[str, Any]:
    """An item of a report; its node is its name unless others are given, its percentiles are its median."""
    return {
        "name": name,
        "op": op,
        "onnx_nodes": [name] if nodes is None else nodes,
        "ms": ms,
        "ms_p10": ms,
        "ms_p90": ms,
        "share": 0.1,
        **times,
    }


def report(*items: dict[str, Any], runs: int = 50, **values: Any) -> dict[str, Any]:
    together = sum(one["ms"] for one in items)
    return {
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


def side(*items: dict[str, Any], **values: Any) -> Side:
    return report_side("made", report(*items, **values), 0.05)
