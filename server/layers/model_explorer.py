"""Layer times as node data of Model Explorer (google-ai-edge/model-explorer), which colours a model's graph by them.

Its ONNX adapter (model-explorer-onnx) names a graph's nodes as the ONNX file does. A layer's whole time stands at its
first node, so that the sums which the viewer makes of a group of nodes are right; work of no node is left out. Format:
GraphNodeData in node_data_builder.py of model-explorer.
"""

from __future__ import annotations

from typing import Any, Dict

from ..profiling.report import LayerReport

GRADIENT = ((0, "#ffffff", "#1b1f24"), (1, "#c96a0a", "#1b1f24"))  # where in the range, background, text


def make_node_data(report: LayerReport) -> Dict[str, Any]:
    times: Dict[str, float] = {}
    for item in report["items"]:
        for node in item["onnx_nodes"][:1]:
            times[node] = times.get(node, 0.0) + item["ms"]
    conditions = report["conditions"]
    named = [str(conditions[key]) for key in ("backend", "precision") if key in conditions]
    return {
        "name": " ".join(["layer times in ms,", *named]).rstrip(","),
        "results": {node: {"value": round(ms, 4)} for node, ms in times.items()},
        "gradient": [{"stop": stop, "bgColor": back, "textColor": fore} for stop, back, fore in GRADIENT],
    }
