"""Where a request's time goes: one clock, milliseconds by stage."""

from __future__ import annotations

import time
from typing import Dict, Mapping

STAGES = ("decode", "preprocess", "queue", "inference", "postprocess")


class StageTimes:
    """Collects the stages of one request; a stage entered twice adds up, one never entered is 0.

    `total` runs from the creation of the object, so it also holds what lies between the stages.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds: Dict[str, float] = dict.fromkeys(STAGES, 0.0)

    def measure(self, stage: str) -> StageTimer:
        """Time the body of a `with`; `stage` is one of STAGES (KeyError otherwise). An error inside is timed too."""
        return StageTimer(self, stage)

    def add(self, stage: str, seconds: float) -> None:
        """Count time that was measured elsewhere, as that of a batch for each of its requests."""
        self._seconds[stage] += seconds

    def timings_ms(self) -> Dict[str, float]:
        """Milliseconds by stage in the order of STAGES, then `total` up to this moment."""
        timings = {stage: round(1000 * seconds, 4) for stage, seconds in self._seconds.items()}
        timings["total"] = round(1000 * (time.perf_counter() - self._start), 4)
        return timings


class StageTimer:
    """See StageTimes.measure; a generator would cost three times as much."""

    def __init__(self, times: StageTimes, stage: str) -> None:
        self._times, self._stage = times, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._times.add(self._stage, time.perf_counter() - self._start)


def format_server_timing(timings_ms: Mapping[str, float]) -> str:
    """The value of the header Server-Timing (W3C), from what `StageTimes.timings_ms` returned."""
    return ", ".join(f"{stage};dur={milliseconds}" for stage, milliseconds in timings_ms.items())
