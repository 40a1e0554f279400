"""Things are timed in turns, and one lives at a time."""

from __future__ import annotations

from typing import Callable, List

import pytest

from server.profiling.turns import LEAST_CALLS, WARM_UP, alternate, summarize


def test_makers_take_turns_and_one_lives_at_a_time() -> None:
    calls: List[str] = []

    def maker(name: str) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            calls.append(f"make {name}")
            return lambda: calls.append(name)

        return make

    rows = alternate({"a": maker("a"), "b": maker("b")}, rounds=2, seconds=0)
    turn = WARM_UP + LEAST_CALLS
    assert calls == 2 * (["make a"] + turn * ["a"] + ["make b"] + turn * ["b"])
    assert rows["a"]["calls"] == len(rows["a"]["samples_ms"]) == 2 * LEAST_CALLS


def test_statistics() -> None:
    row = summarize([float(t) for t in range(101)])
    assert (row["median_ms"], row["p10_ms"], row["p90_ms"], row["calls"]) == (50, 10, 90, 101)


@pytest.mark.parametrize("rounds", [0, -1])
def test_nothing_to_time(rounds: int) -> None:
    with pytest.raises(ValueError, match="nothing to time"):
        alternate({"a": lambda: lambda: None}, rounds=rounds)
    with pytest.raises(ValueError, match="nothing to time"):
        alternate({})
