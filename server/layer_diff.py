"""What differs between two sides, layer by layer, and whether it is more than noise.

A difference is given as the range it lies in: from B's least time less A's greatest to B's greatest less A's least, and
as much more as the clocks are coarse: a microsecond for one layer and, since not all err to one side, the square root
of n microseconds for n. Where the rounds of the two were measured in turns, the differences of the rounds count instead
(10th to 90th percentile), which the machine's moods hardly touch. B is slower where the whole range is above zero, and
above the limit where the whole range is above that share of A's time: what noise may explain never fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from .layer_groups import Group, Unmatched, match
from .layer_times import Side, TimedLayer, Times, added

RESOLUTION_MS = 0.001
SAME, SLOWER, FASTER = "same", "slower", "faster"
# Of no use where the conditions are compared: they differ between any two reports, or are told elsewhere.
OWN = ("started", "noisy", "engine_ms", "model", "onnx_sha256", "engine_sha256", "board_after", "board_before.temp")


@dataclass(frozen=True)
class Difference:
    """Of B from A. low, high: the range it lies in, ms. above: it is certainly more than the limit."""

    a: Times
    b: Times
    low: float
    high: float
    above: bool

    @property
    def ms(self) -> float:
        return self.b.ms - self.a.ms

    @property
    def ratio(self) -> Optional[float]:
        return self.b.ms / self.a.ms if self.a.ms else None

    @property
    def verdict(self) -> str:
        return SLOWER if self.low > 0 else FASTER if self.high < 0 else SAME


@dataclass(frozen=True)
class Row:
    group: Group
    difference: Difference


@dataclass(frozen=True)
class Diff:
    """total: of a whole run where both sides have one, else of the layers' sum. conditions: what differs, as (A, B)."""

    a: Side
    b: Side
    limit: Optional[float]
    paired: bool
    rows: Tuple[Row, ...]
    only_a: Tuple[Unmatched, ...]
    only_b: Tuple[Unmatched, ...]
    total: Difference
    total_name: str
    conditions: Dict[str, Tuple[Any, Any]]
    notes: Tuple[str, ...]

    @property
    def above(self) -> List[str]:
        """What is certainly above the limit."""
        names = [self.total_name] if self.total.above else []
        return names + [row.group.name for row in self.rows if row.difference.above]

    @property
    def noisy(self) -> Optional[str]:
        """Why nothing that is above the limit may be blamed on the model; None where it may. Rounds in turns share
        their noise."""
        reasons = [] if self.paired else [f"{name}: {side.noisy}" for name, side in self.sides() if side.noisy]
        return "; ".join(reasons) or None

    def sides(self) -> Tuple[Tuple[str, Side], Tuple[str, Side]]:
        return ("A", self.a), ("B", self.b)


def diff(a: Side, b: Side, limit: Optional[float] = None, paired: bool = False) -> Diff:
    """limit: share of A's time, as 0.1. paired: the sides' rounds were measured in turns."""
    found = match(a, b)
    rows = tuple(Row(group, _of_layers(group.a, group.b, limit, paired)) for group in found.groups)
    if a.total and b.total:
        name, total = "a whole run", difference(a.total, b.total, limit, paired)
    else:
        name, total = "all layers", _of_layers(a.layers, b.layers, limit, paired)
    conditions = differing(a.conditions, b.conditions)
    return Diff(a, b, limit, paired, rows, found.only_a, found.only_b, total, name, conditions, found.notes)


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Dict[str, Tuple[Any, Any]]:
    """The conditions that are not the same, as (A's, B's); those within others by names like "board.power_mode"."""
    left, right = flat(a), flat(b)
    return {
        key: (left.get(key), right.get(key))
        for key in {**left, **right}
        if not key.startswith(OWN) and left.get(key) != right.get(key)
    }


def flat(values: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for key, value in values.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return found


def difference(
    a: Times, b: Times, limit: Optional[float], paired: bool, resolution: float = RESOLUTION_MS
) -> Difference:
    if paired and a.rounds and len(a.rounds) == len(b.rounds):
        low, high = np.percentile(np.subtract(b.rounds, a.rounds), (10, 90))
    else:
        low, high = b.low - a.high, b.high - a.low
    low, high = float(low) - resolution, float(high) + resolution
    return Difference(a, b, low, high, limit is not None and low > limit * a.ms)


def _of_layers(a: Sequence[TimedLayer], b: Sequence[TimedLayer], limit: Optional[float], paired: bool) -> Difference:
    left, right = (added([layer.times for layer in layers]) for layers in (a, b))
    return difference(left, right, limit, paired, RESOLUTION_MS * max(len(a), len(b)) ** 0.5)


def as_json(found: Diff) -> Dict[str, Any]:
    """The difference in numbers; times in ms, `limit` and `ratio` as shares."""
    return {
        "schema": 1,
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
    total: Mapping[str, Any] = {} if side.total is None else {"latency": _times(side.total)}
    conditions = dict(side.conditions)
    return {
        "label": side.label,
        "source": side.source,
        "sum": _times(side.sum),
        **total,
        "band": side.band,
        "conditions": conditions,
        "notes": list(side.notes),
    }


def _times(times: Times) -> Dict[str, float]:
    return {"ms": _rounded(times.ms), "low": _rounded(times.low), "high": _rounded(times.high)}


def _difference(one: Difference) -> Dict[str, Any]:
    return {
        "a": _times(one.a),
        "b": _times(one.b),
        "difference": {"ms": _rounded(one.ms), "low": _rounded(one.low), "high": _rounded(one.high)},
        "ratio": None if one.ratio is None else round(one.ratio, 4),
        "verdict": one.verdict,
        "above": one.above,
    }


def _layer(layer: TimedLayer) -> Dict[str, Any]:
    return {"name": layer.name, "op": layer.op, "onnx_nodes": list(layer.nodes), "ms": _rounded(layer.times.ms)}


def _rounded(milliseconds: float) -> float:
    return round(float(milliseconds), 4)
