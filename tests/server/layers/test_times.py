"""Bands of times: where they come from, and how they add up."""

from __future__ import annotations

from typing import Any

import pytest

from server.layers.times import NOT_GIVEN, Times, add_times, check_milliseconds, describe_band, read_times


@pytest.mark.parametrize(
    ("entry", "runs", "low", "high"),
    [
        ({"ms_p10": 0.9, "ms_p90": 1.2, "rounds_ms": [1.0, 0.95, 1.3, 1.0, 1.1]}, 50, 0.95, 1.3),
        ({"ms_p10": 0.9, "ms_p90": 1.2, "rounds_ms": [1.0, 0.95]}, 50, 0.9, 1.2),  # too few rounds
        ({"ms_p10": 0.9, "ms_p90": 1.2}, 10, 0.9, 1.2),
        ({"ms_p10": 1.0, "ms_p90": 1.0}, 1, 0.95, 1.05),  # too few runs
        ({}, 100, 0.95, 1.05),
    ],
)
def test_the_band_is_of_what_there_is(entry: dict[str, Any], runs: int, low: float, high: float) -> None:
    p10, p90 = (entry.get(key, NOT_GIVEN) for key in ("ms_p10", "ms_p90"))
    times = read_times(1.0, p10, p90, entry.get("rounds_ms", ()), runs, spread=0.05)
    assert times.ms == 1.0 and (times.low, times.high) == pytest.approx((low, high))
    assert len(times.rounds) in (0, 5)


def test_rounds_tell_how_layers_moved_together() -> None:
    up, down = Times(2, 1, 3, (1.0, 2.0, 3.0)), Times(2, 1, 3, (3.0, 2.0, 1.0))
    assert add_times([up, down]) == Times(4, 4, 4, (4.0, 4.0, 4.0))
    assert add_times([up, up]) == Times(4, 2, 6, (2.0, 4.0, 6.0))
    assert add_times([up, Times(2, 1, 3)]) == Times(4, 2, 6)  # no rounds on one side: the bands add up
    assert add_times([Times(1, 0.5, 2)]) == Times(1, 0.5, 2)
    assert add_times([]) == Times(0, 0, 0)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "1", None, True, [1.0]])
def test_no_time(value: Any) -> None:
    with pytest.raises(ValueError, match="is no time in milliseconds"):
        check_milliseconds(value)


def test_the_band_in_words() -> None:
    assert describe_band(10, 500, 0.05) == "medians of 10 rounds, 500 runs together"
    assert describe_band(1, 50, 0.05) == "10th to 90th percentile of 50 runs"
    assert "3 runs, too few for a band of their own: 5% either way is assumed" in describe_band(1, 3, 0.05)
