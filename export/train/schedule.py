"""The learning rate as a function of the step alone, so that a resumed run needs no scheduler's memory."""

from __future__ import annotations

import math

SCHEDULES = ("cosine", "step", "constant")


def find_phase(phases: list[int], epoch: int) -> tuple[int, int]:
    """First epoch and number of epochs of the phase that `epoch` belongs to.

    A run that was given more epochs has several phases. Each has the whole course of the rate: warm restarts, as in
    Loshchilov, Hutter, arXiv 1608.03983.
    """
    first = 0
    for epochs in phases:
        if epoch < first + epochs:
            return first, epochs
        first += epochs
    raise ValueError(f"epoch {epoch} is beyond the {first} epochs of the run")


def learning_rate(step: int, steps: int, peak: float, warmup: float, kind: str) -> float:
    """The rate at `step` of `steps`, counted from 0.

    It rises linearly over the first `warmup` (a share of the steps), then "cosine" falls to 0 along half a cosine
    wave, "step" divides by 10 at a half and at three quarters of all steps, "constant" stays.
    """
    rise = math.ceil(warmup * steps)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    if kind == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))
    if kind == "step":
        return peak * 0.1 ** ((step >= steps / 2) + (step >= steps * 3 / 4))
    return peak
