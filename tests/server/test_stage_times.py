"""The clock of a request."""

from __future__ import annotations

import time

import pytest

from server.stage_times import STAGES, StageTimes


def test_stages_add_up_to_less_than_the_total() -> None:
    stages = StageTimes()
    for _ in range(2):
        with stages.measure("decode"):
            time.sleep(0.005)
    with stages.measure("inference"):
        time.sleep(0.005)
    timings = stages.timings_ms()
    assert list(timings) == [*STAGES, "total"]
    assert timings["decode"] >= 10 and timings["inference"] >= 5 and timings["queue"] == 0
    assert sum(timings[stage] for stage in STAGES) <= timings["total"] + 0.001


def test_a_failing_stage_is_timed_too() -> None:
    stages = StageTimes()
    with pytest.raises(ValueError), stages.measure("decode"):
        time.sleep(0.002)
        raise ValueError
    assert stages.timings_ms()["decode"] >= 2


def test_unknown_stage() -> None:
    with pytest.raises(KeyError), StageTimes().measure("lunch"):
        pass
