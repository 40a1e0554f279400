"""The layer report: where the time of a run goes, layer by layer. The same for every engine, from profiler to page.

A report is its own JSON, in this order of keys: what a backend measures, `make profile` writes, the comparison reads,
and /v1/classify?layers=true and /v1/models/{name}/layers answer. ../http/schemas.py describes it for /docs.
"""

from __future__ import annotations

from typing import Any, Dict, List, TypedDict

SCHEMA = 1

Conditions = Dict[str, Any]  # what the times depend on: engine and its options, machine, board; `noisy` with a reason


class _Item(TypedDict):
    name: str  # the module's path, which is also the ONNX node's name
    onnx_nodes: List[str]  # none where it is work of no layer
    op: str
    ms: float  # median over runs
    ms_p10: float
    ms_p90: float
    share: float  # of sum_ms + unattributed_ms


class ReportItem(_Item, total=False):
    """One layer, or work between layers. rounds_ms: the medians of the rounds, where the report is of several."""

    rounds_ms: List[float]


class _Report(TypedDict):
    schema: int  # SCHEMA
    latency_ms: float  # of runs without the profiler, median
    latency_ms_p10: float
    latency_ms_p90: float
    sum_ms: float  # of the items that are layers
    unattributed_ms: float  # of those that are not
    profiled_ms: float  # of whole runs with the profiler, median
    runs: int
    conditions: Conditions
    items: List[ReportItem]  # in the order they run


class LayerReport(_Report, total=False):
    """Times in milliseconds. rounds, latency_rounds_ms: where it is of several rounds. note: why the sums do
    not add up to profiled_ms, where they do not."""

    rounds: int
    latency_rounds_ms: List[float]
    note: str
