"""How sure an accuracy is, and whether two models that saw the same images differ."""

from __future__ import annotations

from typing import Any

import numpy as np


def wilson(correct: int, images: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, JASA 22, 1927): unlike p +- z s it stays within 0 and 1.

    Raises ValueError for no images or more right answers than those.
    """
    from scipy.stats import binomtest

    if not 0 <= correct <= images or images < 1:
        raise ValueError(f"{correct} of {images} images cannot be right")
    interval = binomtest(correct, images).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value (McNemar, Psychometrika 12, 1947): images that only one of two models has right.

    If neither is better, each such image is as likely the one's as the other's: a fair coin.
    """
    from scipy.stats import binomtest

    tosses = only_first + only_second
    return float(binomtest(only_first, tosses, 0.5).pvalue) if tosses else 1.0


def compare(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Two boolean arrays (images,), true where a model is right -> points between them, counts and p-value."""
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    return {
        "points": 100 * (only_first - only_second) / len(first),
        "only_first": only_first,
        "only_second": only_second,
        "p": mcnemar(only_first, only_second),
    }
