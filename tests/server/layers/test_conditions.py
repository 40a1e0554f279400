"""Conditions of two sides: what differs, and when one board was not as fast for both."""

from __future__ import annotations

from typing import Any

import pytest

from server.layers.conditions import find_differences, why_other_speed


def test_conditions_that_differ() -> None:
    a = {"started": 1, "precision": "fp32", "board": {"power_mode": "MAXN", "l4t": "36.4"}, "model": "x", "cores": 2}
    b = {"started": 2, "precision": "fp16", "board": {"power_mode": "5W", "l4t": "36.4"}, "model": "y"}
    b["board_before"] = {"gpu_hz": 1, "temperatures_c": {"GPU": 40.0}}
    assert find_differences(a, b) == {
        "precision": ("fp32", "fp16"),
        "board.power_mode": ("MAXN", "5W"),
        "cores": (2, None),
        "board_before.gpu_hz": (None, 1),
    }


ORIN = {"cpu": "Orin", "provider": "cuda", "board": {"power_mode": "15W"}, "board_before": {"gpu_hz": 612_000_000}}
SLOW = {**ORIN, "board_before": {"gpu_hz": 306_000_000}}


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (ORIN, ORIN, None),
        (ORIN, SLOW, "the GPU's clock was 612 MHz for A and 306 MHz for B"),
        (ORIN, {**SLOW, "board": {"power_mode": "7W"}}, None),  # meant to be compared
        (ORIN, {**ORIN, "board_before": {"gpu_hz": None}}, None),
        ({**ORIN, "provider": "cpu"}, {**SLOW, "provider": "cpu"}, None),  # the GPU had nothing to do
        ({}, {}, None),
    ],
)
def test_one_board_at_two_speeds(a: dict[str, Any], b: dict[str, Any], said: str | None) -> None:
    found = why_other_speed(a, b)
    assert found is None if said is None else said in str(found)


def test_a_model_without_our_ops_has_no_kernels_to_differ() -> None:
    """MODELS=mobilenet_v2,fwht_mobilenet_v2 was said to differ in "kernels (unknown / native avx2)"."""
    assert find_differences({"threads": 1}, {"threads": 1, "kernels": "native avx2"}) == {}
    both = find_differences({"kernels": "native avx2"}, {"kernels": "native avx512"})
    assert both == {"kernels": ("native avx2", "native avx512")}
