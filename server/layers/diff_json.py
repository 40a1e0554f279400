"""The difference of two sides as JSON, for other programs."""

from __future__ import annotations

from typing import Any, Dict

from .diff import Diff, Difference
from .times import Side, TimedLayer, Times

SCHEMA = 1


def diff_to_json(found: Diff) -> Dict[str, Any]:
    """The difference in numbers; times in ms, `limit` and `ratio` as shares."""
    return {
        "schema": SCHEMA,
        "a": _side(found.a),
        "b": _side(found.b),
        "limit": found.limit,
        "rounds_in_turns": found.paired,
        "above": found.above,
        "noisy": found.noisy,
        "total": {"of": found.total_name, **_difference(found.total)},
        "groups": [
            {
                "name": row.group.name,
                **_difference(row.difference),
                "layers_a": [_layer(layer) for layer in row.group.a],
                "layers_b": [_layer(layer) for layer in row.group.b],
            }
            for row in found.rows
        ],
        "only_a": [{**_layer(one.layer), "reason": one.reason} for one in found.only_a],
        "only_b": [{**_layer(one.layer), "reason": one.reason} for one in found.only_b],
        "conditions": {key: list(pair) for key, pair in found.conditions.items()},
        "notes": list(found.notes),
    }


def _side(side: Side) -> Dict[str, Any]:
    return {
        "label": side.label,
        "source": side.source,
        "latency": None if side.total is None else _times(side.total),
        "sum": _times(side.sum),
        "band": side.band,
        "conditions": dict(side.conditions),
        "notes": list(side.notes),
    }


def _times(times: Times) -> Dict[str, float]:
    return {"ms": _round_ms(times.ms), "low": _round_ms(times.low), "high": _round_ms(times.high)}


def _difference(one: Difference) -> Dict[str, Any]:
    return {
        "a": _times(one.a),
        "b": _times(one.b),
        "difference": {"ms": _round_ms(one.ms), "low": _round_ms(one.low), "high": _round_ms(one.high)},
        "ratio": None if one.ratio is None else round(one.ratio, 4),
        "verdict": one.verdict,
        "above": one.above,
    }


def _layer(layer: TimedLayer) -> Dict[str, Any]:
    return {"name": layer.name, "op": layer.op, "onnx_nodes": list(layer.nodes), "ms": _round_ms(layer.times.ms)}


def _round_ms(milliseconds: float) -> float:
    return round(float(milliseconds), 4)
