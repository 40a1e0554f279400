"""Compare the speed of two or more things on a machine that others use too.

    rows = alternate({"convolution": make_a, "FWHT layer": make_b}, rounds=10, seconds=0.2)
    write_result("fwht_node", {"rows": rows})

Each `make` returns a function without arguments; it is made, warmed up, timed and dropped before the next one's turn,
and the turns go round `rounds` times. So whatever slows the machine for a while slows all of them, and threads that
spin between two calls, as ONNX Runtime's do by default and in service, never spin against another one's.
Times are wall-clock. Compare by the ratio of medians; a wide gap between p10 and p90 says that the machine was busy.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path
from typing import Any, Callable

from benchmarks.harness.result_files import RESULTS

Make = Callable[[], Callable[[], object]]

WARM_UP = 3  # calls: arenas are filled, memory patterns known
LEAST_CALLS = 3


def alternate(makers: dict[str, Make], rounds: int = 10, seconds: float = 0.2) -> dict[str, dict[str, Any]]:
    """Time every maker's function, `seconds` in each of `rounds` turns (three calls at least).

    Returns by name what `summarize` tells. Raises ValueError where there is nothing to do.
    """
    if not makers or rounds < 1:
        raise ValueError(f"nothing to time: {len(makers)} functions, {rounds} rounds")
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            samples[name] += _time_turn(make, seconds)
            gc.collect()
    return {name: summarize(times) for name, times in samples.items()}


def _time_turn(make: Make, seconds: float) -> list[float]:
    """The milliseconds of each call of one turn."""
    function = make()
    for _ in range(WARM_UP):
        function()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return times


def summarize(times: list[float]) -> dict[str, Any]:
    """Median, 10th and 90th percentile of times in milliseconds, how many there are, and all of them."""
    deciles = statistics.quantiles(times, n=10, method="inclusive")
    return {
        "median_ms": statistics.median(times),
        "p10_ms": deciles[0],
        "p90_ms": deciles[-1],
        "calls": len(times),
        "samples_ms": [round(t, 5) for t in times],
    }


def parse_options(module: str, purpose: str | None, rounds: int, seconds: float) -> argparse.Namespace:
    """The options of a benchmark that alternates: rounds, seconds, out. module: below `benchmarks`; purpose: its
    docstring, of which the head is shown."""
    name = module.rpartition(".")[2]
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(purpose or "").split(":")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of each side ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"seconds a turn ({seconds})")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS / name}.json)")
    return parser.parse_args()
