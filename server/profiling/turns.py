"""The time of two or more things on a machine that others use too, measured in turns.

    rows = alternate({"convolution": make_a, "FWHT layer": make_b}, rounds=10, seconds=0.2)

Each `make` returns a function without arguments; it is made, warmed up, timed and dropped before the next one's turn,
and the turns go round `rounds` times. So whatever slows the machine for a while slows all of them, and threads that
spin between two calls, as ONNX Runtime's do by default and in service, never spin against another one's.
Times are wall-clock. Compare by the ratio of medians; a wide gap between p10 and p90 says that the machine was busy.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import Any, Callable, Dict, List

Make = Callable[[], Callable[[], object]]

WARM_UP = 3  # calls: arenas are filled, memory patterns known
LEAST_CALLS = 3


def alternate(makers: Dict[str, Make], rounds: int = 10, seconds: float = 0.2) -> Dict[str, Dict[str, Any]]:
    """Time every maker's function, `seconds` in each of `rounds` turns (three calls at least).

    Returns by name what `summarize` tells. Raises ValueError where there is nothing to do.
    """
    if not makers or rounds < 1:
        raise ValueError(f"nothing to time: {len(makers)} functions, {rounds} rounds")
    samples: Dict[str, List[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            samples[name] += _time_turn(make, seconds)
            gc.collect()
    return {name: summarize(times) for name, times in samples.items()}


def _time_turn(make: Make, seconds: float) -> List[float]:
    """The milliseconds of each call of one turn."""
    function = make()
    for _ in range(WARM_UP):
        function()
    times: List[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return times


def summarize(times: List[float]) -> Dict[str, Any]:
    """Median, 10th and 90th percentile of times in milliseconds, how many there are, and all of them."""
    deciles = statistics.quantiles(times, n=10, method="inclusive")
    return {
        "median_ms": statistics.median(times),
        "p10_ms": deciles[0],
        "p90_ms": deciles[-1],
        "calls": len(times),
        "samples_ms": [round(t, 5) for t in times],
    }
