"""What is said of the kernels' figures: held, missed and not measured, and README's words for each outcome."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.pages.cpu_tables import Bound, find_layer, list_bounds
from benchmarks.pages.hybrid_tables import format_range, name_side
from benchmarks.pages.verdict import describe_ratios


def make_run(*ratios: float) -> dict[str, Any]:
    """Layers on 4x4 maps that take these shares of their convolution's time."""
    rows = [{"input": [1, 96, 4, 4], "ratios": {"fwht_layer": {"median": ratio}}} for ratio in ratios]
    return {"parts": {"layers": rows}}


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ((0.1, 0.25), "4, held"),
        ((0.1, 0.2), "5, goal reached"),
        ((0.1, 0.5), "**2, missed**"),
        ((), "not measured"),
    ],
)
def test_the_worst_layer_is_judged(ratios: tuple[float, ...], said: str) -> None:
    bound = Bound("layers on 4x4 maps", "layers", find_layer(4), 2.5, 5, least=True)
    assert bound.judge(make_run(*ratios)) == said
    assert bound.asked == "at least 2.5, goal 5"


def test_rows_of_other_maps_and_parts_that_were_not_run_are_left_out() -> None:
    large, *_ = list_bounds()
    assert large.judge(make_run(0.9)) == "not measured"
    assert all(bound.judge({"parts": {}}) == "not measured" for bound in list_bounds())


@pytest.mark.parametrize(
    ("native", "words"),
    [
        ([0.7, 0.9], "faster than the baseline, 0.70 to 0.90 times its time"),
        ([0.7, 1.1], "take 0.70 to 1.10 times the baseline's time"),
        ([1.0, 1.1], "not faster than the baseline: 1.00 to 1.10 times its time"),
    ],
)
def test_the_words_follow_from_the_ratios(native: list[float], words: str) -> None:
    assert words in describe_ratios(native, [1.2, 1.6])
    assert "Without them they are slower: 1.20 to 1.60 times." in describe_ratios(native, [1.2, 1.6])
    assert "Without them: 0.90 to 1.60 times." in describe_ratios(native, [0.9, 1.6])


def test_sides_are_named() -> None:
    assert name_side("mobilenet_v2") == "`mobilenet_v2`"
    assert name_side("fwht_mobilenet_v2") == "`fwht_mobilenet_v2`, native kernels"
    assert name_side("fwht_mobilenet_v2 (function body)") == "`fwht_mobilenet_v2`, function body"
    assert (format_range([0.5, 0.504]), format_range([0.5, 0.6])) == ("0.50", "0.50 to 0.60")
