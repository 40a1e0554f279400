"""A slice of `make soak`: seconds of overload on a real process, and what counts as a problem."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from benchmarks.harness.server_process import run_server
from benchmarks.serving.overload import compute_slope, find_problems, measure


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
def test_seconds_of_overload() -> None:
    with run_server("--threads", "1") as server:
        found = measure(server, seconds=3, calm_s=1)
    assert found["outcomes"]["200"]["count"] > 0
    slow = [problem for problem in find_problems(found) if "afterwards" in problem]  # speed is not a test's business
    assert find_problems(found) == slow


def sample(**changes: Any) -> dict[str, Any]:
    good = {"count": 9, "max": 100.0}
    seen = [{"s": s, "bytes": 1000, "/livez": 200, "/readyz": 200} for s in range(8)]
    found = {"sustainable_per_s": 100.0, "after_per_s": 99.0, "seconds": 600.0, "memory_bytes_per_minute": 0.0}
    return {**found, "outcomes": {"200": good, "503": good}, "seen": seen, **changes}


def test_nothing_wrong() -> None:
    assert find_problems(sample()) == []


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"outcomes": {}}, "nothing was answered"),
        ({"outcomes": {"200": {"count": 1, "max": 1.0}, "500": {"count": 2, "max": 1.0}}}, "2 requests ended as 500"),
        ({"outcomes": {"200": {"count": 1, "max": 10_001.0}}}, "the deadline is 10000 ms"),
        ({"seen": [{"s": 0, "bytes": 1, "/livez": 200, "/readyz": 0}]}, "/readyz was not 200"),
        ({"memory_bytes_per_minute": 1e9}, "grows"),
        ({"after_per_s": 1.0}, "afterwards"),
    ],
)
def test_problems(changes: dict[str, Any], words: str) -> None:
    (problem,) = find_problems(sample(**changes))
    assert words in problem


def test_slope() -> None:
    assert compute_slope([{"s": s, "bytes": 7 + 10 * s} for s in range(40)]) == pytest.approx(600)
    assert compute_slope([{"s": 0, "bytes": 7}]) == 0
