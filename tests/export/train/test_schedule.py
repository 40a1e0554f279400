"""The learning rate's course: up, then along its schedule, never above the peak and never below 0."""

from __future__ import annotations

import math

import pytest

from export.train.schedule import SCHEDULES, learning_rate


@pytest.mark.parametrize("kind", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.9])
def test_every_rate_lies_between_0_and_the_peak(kind: str, steps: int, warmup: float) -> None:
    rates = [learning_rate(step, steps, 0.1, warmup, kind) for step in range(steps)]
    assert all(0 < rate <= 0.1 for rate in rates)
    rise = math.ceil(warmup * steps)
    assert rates[:rise] == sorted(rates[:rise])
    assert rates[rise:] == sorted(rates[rise:], reverse=True)


def test_cosine() -> None:
    assert learning_rate(10, 110, 0.2, 10 / 110, "cosine") == 0.2
    assert learning_rate(60, 110, 0.2, 10 / 110, "cosine") == pytest.approx(0.1)
    assert learning_rate(109, 110, 0.2, 10 / 110, "cosine") < 1e-4


def test_step_falls_twice_by_ten() -> None:
    rates = [learning_rate(step, 8, 1.0, 0.0, "step") for step in range(8)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_warm_up_is_linear() -> None:
    rates = [learning_rate(step, 40, 1.0, 0.1, "constant") for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
