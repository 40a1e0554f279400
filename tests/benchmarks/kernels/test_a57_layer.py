"""The table for one Cortex-A57 core is what the figures make; make soak counts them again (a57_layer --check)."""

from __future__ import annotations

import json

import pytest

from benchmarks.kernels.a57_layer import FIGURES, GOAL_S, PAGE, compute_seconds, make_page_table, renew_page


def test_the_table_is_what_the_script_writes() -> None:
    text = PAGE.read_text()
    made = renew_page(text, json.loads(FIGURES.read_text()))
    assert made == text, "run `python -m benchmarks.kernels.a57_layer`"


def test_seconds_by_hand() -> None:
    """512 pixels in 512 x 1,430 cycles are a microsecond each, and the paper's tensor has 10,240 of them."""
    passes = {"middle": {"cycles": 512 * 1000.0, "least_cycles": 0.0}, "way in": {"cycles": 512 * 430.0}}
    assert compute_seconds(passes) == pytest.approx(10240e-6)


@pytest.mark.parametrize(("pixel_s", "said"), [(10e-6, "is held as long as"), (GOAL_S / 10240, "s is missed.")])
def test_the_goal_is_judged(pixel_s: float, said: str) -> None:
    sums = dict.fromkeys(("instructions", "cycles", "least_cycles"), pixel_s * 1430000000.0 * 512)
    figures = {"versions": {"a": "1"}, "kinds": {"smooth": {"middle": sums}}}
    assert said in make_page_table(figures)
