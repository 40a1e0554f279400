"""What differs between two sides, layer by layer, and whether it is more than noise.

A difference is given as the range it lies in: from B's least time less A's greatest to B's greatest less A's least,
and as much more as the clocks are coarse: a microsecond for one layer and, since not all err to one side, the square
root of n microseconds for n. Where the rounds of the two were measured in turns, the differences of the rounds count
instead, all but a tenth of them at either end: what slows the whole machine down for a while hardly changes those. B is
slower where the whole range is above zero, and above the limit where it is above that share of A's time: what noise may
explain never fails a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .conditions import find_differences, why_other_speed
from .groups import Group, Unmatched, match
from .times import Side, TimedLayer, Times, add_times

RESOLUTION_MS = 0.001
SIMILAR = 1.3  # factors no further apart are about the same
SAME, SLOWER, FASTER = "same", "slower", "faster"


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
        if self.paired:
            return None
        reasons = [f"{name}: {side.noisy}" for name, side in self.sides if side.noisy]
        return "; ".join(filter(None, [*reasons, why_other_speed(self.a.conditions, self.b.conditions)])) or None

    @property
    def sides(self) -> Tuple[Tuple[str, Side], Tuple[str, Side]]:
        return ("A", self.a), ("B", self.b)


def diff(a: Side, b: Side, limit: Optional[float] = None, paired: bool = False) -> Diff:
    """limit: share of A's time, as 0.1. paired: the sides' rounds were measured in turns."""
    found = match(a, b)
    rows = tuple(Row(group, _compare_layers(group.a, group.b, limit, paired)) for group in found.groups)
    if a.total and b.total:
        name, total = "a whole run", compare_times(a.total, b.total, limit, paired)
    else:
        name, total = "all layers", _compare_layers(a.layers, b.layers, limit, paired)
    conditions = find_differences(a.conditions, b.conditions)
    notes = (*found.notes, *([] if paired else note_all_slower([row.difference for row in rows])))
    return Diff(a, b, limit, paired, rows, found.only_a, found.only_b, total, name, conditions, notes)


def note_all_slower(differences: Sequence[Difference]) -> List[str]:
    """A note where nearly the whole time became longer by about the same factor; it is no reason not to judge."""
    found = [(one.ratio, one.a.ms) for one in differences if one.ratio]
    whole = sum(ms for _, ms in found)
    factor = sum(ratio * ms for ratio, ms in found) / whole if whole else 0.0
    alike = sum(ms for ratio, ms in found if factor / SIMILAR < ratio < factor * SIMILAR)
    if factor < 1.1 or alike < 0.8 * whole:
        return []
    return [
        f"Nearly all layers are slower, by a factor of about {factor:.1f}: rather the machine, its clocks or a version"
        " than a layer. To leave the machine out of it, measure the two in turns (`make compare`)."
    ]


def compare_times(
    a: Times, b: Times, limit: Optional[float], paired: bool, resolution: float = RESOLUTION_MS
) -> Difference:
    if paired and a.rounds and len(a.rounds) == len(b.rounds):
        rounds = sorted(np.subtract(b.rounds, a.rounds))
        odd = len(rounds) // 10  # at either end; a percentile would let an extreme round leak in
        low, high = rounds[odd], rounds[-1 - odd]
    else:
        low, high = b.low - a.high, b.high - a.low
    low, high = float(low) - resolution, float(high) + resolution
    return Difference(a, b, low, high, limit is not None and low > limit * a.ms)


def _compare_layers(
    a: Sequence[TimedLayer], b: Sequence[TimedLayer], limit: Optional[float], paired: bool
) -> Difference:
    left, right = (add_times([layer.times for layer in layers]) for layers in (a, b))
    return compare_times(left, right, limit, paired, RESOLUTION_MS * max(len(a), len(b)) ** 0.5)
