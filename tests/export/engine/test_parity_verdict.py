"""The verdict on two runs of a classifier."""

from __future__ import annotations

import numpy as np
import pytest

from export.engine.parity_verdict import compare_logits

WANTED = np.array([[3.0, 1.0, 0.0]] * 8)


def test_equal() -> None:
    parity = compare_logits(WANTED, WANTED, 0.1, discontinuous=False)
    assert parity.passed and parity.largest == 0 and parity.equal_labels == 8 and parity.ties == 0
    assert parity.to_json()["share"] == 0


def test_beyond_the_tolerance() -> None:
    found = WANTED.copy()
    found[0, 2] += 0.11
    assert not compare_logits(found, WANTED, 0.1, discontinuous=False).passed
    jumping = compare_logits(found, WANTED, 0.1, discontinuous=True)
    assert jumping.passed and jumping.allowed_beyond == 1 and "1 images beyond it (1 allowed)" in str(jumping)
    found[1, 2] += 0.11
    assert not compare_logits(found, WANTED, 0.1, discontinuous=True).passed


def test_another_label_fails_though_a_jump_is_allowed() -> None:
    found = WANTED.copy()
    found[0] = 0, 3, 0
    assert not compare_logits(found, WANTED, 0.1, discontinuous=True).passed


def test_two_best_within_twice_the_tolerance_are_a_tie() -> None:
    wanted = np.array([[1.0, 0.9, 0.0]])
    found = np.array([[0.945, 0.95, 0.0]])
    parity = compare_logits(found, wanted, 0.06, discontinuous=False)
    assert parity.passed and parity.ties == 1 and "labels equal on 0, 1 of the others are ties" in str(parity)
    assert not compare_logits(np.array([[0.9, 0.95, 0.0]]), wanted, 0.049, discontinuous=True).passed


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number(value: float) -> None:
    found = WANTED.copy()
    found[3, 0] = value
    assert not compare_logits(found, WANTED, 0.1, discontinuous=False).passed
