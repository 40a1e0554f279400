"""The time that a run will take, told once."""

from __future__ import annotations

import pytest

from export.train.time_estimate import STEPS, WARM_UP, TimeEstimate, describe_duration


class Clock:
    """Moves on by a step's time when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def tell(seconds: float, left: int, forward_passes: float) -> tuple[int, str]:
    """After how many steps it is told, and what; the first steps take a minute each."""
    clock, synchronised = Clock(), []
    estimate = TimeEstimate(lambda: synchronised.append(1), clock)
    told = []
    for step in range(200):
        clock.now += 60 if step < WARM_UP else seconds
        told.append(estimate.note_step(left, forward_passes))
    (at,) = [i for i, sentence in enumerate(told) if sentence]
    assert len(synchronised) == 2  # a GPU is not kept waiting by every step
    return at, told[at] or ""


def test_slow_steps_are_told_after_a_few_and_without_the_first() -> None:
    at, sentence = tell(2.0, left=300, forward_passes=0)
    assert at == WARM_UP + STEPS - 1
    assert sentence == "2 s a step: about 10 min to go"


def test_fast_steps_are_timed_for_two_seconds() -> None:
    at, sentence = tell(0.1, left=6000, forward_passes=0)
    assert at == pytest.approx(WARM_UP + 20, abs=1)
    assert sentence == "0.1 s a step: about 10 min to go"


def test_measuring_costs_a_third_of_a_step() -> None:
    assert tell(1.0, left=100, forward_passes=300)[1].endswith("about 3 min to go")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (50.2, "50 s"),
        (600, "10 min"),
        (12_000, "3 h 20 min"),
        (200_000, "2 days 8 h"),
        (135_000, "1 day 14 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text
