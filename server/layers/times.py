"""One side of a comparison: its layers, what each took, and the band in which its time lies when it is measured again.

That band is not the standard error of the median, 0.49 (p90 - p10) / sqrt(runs): the medians of one measurement and the
next were found to differ by three to six times as much, those of minutes by more (docs/layers.md). In this order it is:

1. where the report was made of several rounds, the least and the greatest of their medians;
2. where it has percentiles of enough runs, its 10th and its 90th;
3. else a share of the time that is given from outside, since trtexec writes no spread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple

ENOUGH_ROUNDS = 5
ENOUGH_RUNS = 10
NOT_GIVEN = object()


@dataclass(frozen=True)
class Times:
    """Milliseconds: the median, the band, and the medians of the rounds where there are enough of them."""

    ms: float
    low: float
    high: float
    rounds: Tuple[float, ...] = ()


@dataclass(frozen=True)
class TimedLayer:
    """nodes: ONNX names, none where it belongs to no node. helper: it moves data for them. block: why its nodes are not
    known, None where they are."""

    name: str
    op: str
    nodes: Tuple[str, ...]
    times: Times
    helper: bool = False
    block: Optional[str] = None


@dataclass(frozen=True)
class Side:
    """label: shown to readers. total: of a whole run. sum: of the layers. band: what the bands are made of."""

    label: str
    source: str
    layers: Tuple[TimedLayer, ...]
    total: Optional[Times]
    sum: Times
    band: str
    conditions: Mapping[str, Any] = field(default_factory=dict)
    notes: Tuple[str, ...] = ()

    @property
    def noisy(self) -> Optional[str]:
        """Why the times are not to be trusted, None where there is no reason."""
        return self.conditions.get("noisy")


def add_times(parts: Sequence[Times]) -> Times:
    """Of several layers together; their bands add up unless the rounds show how they moved together."""
    ms = sum(part.ms for part in parts)
    if parts and parts[0].rounds and len({len(part.rounds) for part in parts}) == 1:
        rounds = tuple(map(sum, zip(*(part.rounds for part in parts))))
        return Times(ms, min(ms, *rounds), max(ms, *rounds), rounds)
    return Times(ms, sum(part.low for part in parts), sum(part.high for part in parts))


def assume_band(ms: float, spread: float) -> Times:
    return Times(ms, ms * (1 - spread), ms * (1 + spread))


def read_times(median: Any, p10: Any, p90: Any, round_medians: Iterable[Any], runs: int, spread: float) -> Times:
    """What a report says of one layer, or of the whole run. p10, p90: NOT_GIVEN where it does not say them.

    Raises ValueError where one of them is no time.
    """
    ms = check_milliseconds(median)
    low, high = (None if value is NOT_GIVEN else check_milliseconds(value) for value in (p10, p90))
    rounds = tuple(map(check_milliseconds, round_medians))
    if len(rounds) >= ENOUGH_ROUNDS:
        return Times(ms, min(ms, *rounds), max(ms, *rounds), rounds)
    if runs >= ENOUGH_RUNS and low is not None and high is not None:
        return Times(ms, min(low, ms), max(high, ms))
    return assume_band(ms, spread)


def describe_band(rounds: int, runs: int, spread: float) -> str:
    if rounds >= ENOUGH_ROUNDS:
        return f"medians of {rounds} rounds, {runs} runs together"
    if runs >= ENOUGH_RUNS:
        return f"10th to 90th percentile of {runs} runs"
    return f"{runs} runs, too few for a band of their own: {spread:.0%} either way is assumed"


def check_milliseconds(value: Any) -> float:
    """Raises ValueError unless it is a time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ValueError(f"{value!r} is no time in milliseconds")
    return float(value)
