"""Intervals and tests against published values and against counting."""

from __future__ import annotations

import numpy as np
import pytest

from export.report.significance import compare, mcnemar, wilson


@pytest.mark.parametrize(
    "correct, images, low, high",
    [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3, to the four digits given there
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(correct: int, images: int, low: float, high: float) -> None:
    assert wilson(correct, images) == pytest.approx((low, high), abs=0.00006)


def test_wilson_is_symmetric_and_shrinks() -> None:
    low, high = wilson(9000, 10_000)
    assert wilson(1000, 10_000) == pytest.approx((1 - high, 1 - low))
    assert 0.89 < low < 0.9 < high < 0.91
    with pytest.raises(ValueError, match="11 of 10"):
        wilson(11, 10)


def test_mcnemar_is_a_fair_coin() -> None:
    """Ten tosses with two heads or fewer, or eight or more: 2 (1 + 10 + 45) / 1024."""
    assert mcnemar(2, 8) == mcnemar(8, 2) == pytest.approx(112 / 1024)
    assert mcnemar(0, 0) == mcnemar(5, 5) == 1.0
    assert mcnemar(300, 700) < 1e-30
    assert 0 < mcnemar(1500, 1500 + 60) < 1  # too large for floating point on the way


def test_compare_counts_the_images_that_one_alone_has_right() -> None:
    first = np.array([True] * 6 + [False] * 4)
    second = np.array([True] * 3 + [False] * 3 + [True] + [False] * 3)
    assert compare(first, second) == {"points": 20.0, "only_first": 3, "only_second": 1, "p": pytest.approx(10 / 16)}


def test_p_where_one_alone_is_ever_right() -> None:
    first, second = np.array([True] * 6 + [False] * 4), np.array([False] * 6 + [False] * 4)
    assert compare(first, second)["p"] == pytest.approx(2 / 2**6)
    assert compare(first, first)["p"] == 1.0
