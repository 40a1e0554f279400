"""The method of the benchmarks: turns, statistics, and results that are whole or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest

from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import LEAST_CALLS, WARM_UP, alternate, summarize


def test_makers_take_turns_and_one_lives_at_a_time() -> None:
    calls: list[str] = []

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


def test_results_say_where_they_come_from(tmp_path: Path) -> None:
    path = write_result("example", {"rows": [1]}, tmp_path / "deep" / "example.json")
    written = json.loads(path.read_text())
    assert written["benchmark"] == "example" and written["rows"] == [1]
    assert written["machine"]["cores"] >= 1 and written["machine"]["packages"]["numpy"]


def test_results_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_result("example", {"rows": object()}, tmp_path / "example.json")
    assert list(tmp_path.iterdir()) == []
