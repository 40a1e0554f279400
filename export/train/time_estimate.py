"""How long a run will take, told once after its first steps."""

from __future__ import annotations

import time
from typing import Callable

WARM_UP = 3  # steps, which choose algorithms, fill caches and compile
STEPS, SECONDS = 5, 2.0  # at least so many and so long are timed
FORWARD = 1 / 3  # of a step's time: a backward pass costs about two forward passes


class TimeEstimate:
    """Told of every step; answers once, when enough of them were timed.

    `synchronise` waits for the device: a GPU's work is not done when the call returns.
    """

    def __init__(self, synchronise: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self._synchronise, self._clock = synchronise, clock
        self._count, self._begin, self._told = 0, 0.0, False

    def note_step(self, left: int, forward_passes: float) -> str | None:
        """A sentence, once; `left` steps are to come, and `forward_passes` batches to measure and recalibrate on."""
        if self._told:
            return None
        self._count += 1
        timed = self._count - WARM_UP
        if timed == 0:
            self._synchronise()
            self._begin = self._clock()
        if timed < STEPS or self._clock() - self._begin < SECONDS:
            return None
        self._synchronise()
        self._told = True
        step = (self._clock() - self._begin) / timed
        seconds = step * (left + FORWARD * forward_passes)
        return f"{step:.3g} s a step: about {describe_duration(seconds)} to go"


def describe_duration(seconds: float) -> str:
    """To two digits or so: "50 s", "12 min", "3 h 20 min", "2 days 5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 36 * 60:
        return f"{minutes // 60} h {minutes % 60 // 10 * 10} min"
    hours = round(minutes / 60)
    return f"{hours // 24} day{'s' if hours >= 48 else ''} {hours % 24} h"
