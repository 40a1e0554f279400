"""Scores at a temperature, against the definition; and the label, or why there is none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from server.models.scores import MinScore, parse_temperature, softmax

LABELS = ["cat", "dog", "ship"]
BEST = [{"label": "cat", "class_id": 0, "score": 0.6}, {"label": "dog", "class_id": 1, "score": 0.4}]


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 1.7, 20.0])
def test_the_temperature_divides_the_logits_and_keeps_the_order(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 4, (200, 10)).astype(np.float32)
    scores = softmax(logits, temperature)
    for row, found in zip(logits.tolist(), scores.tolist()):
        exponents = [math.exp((value - max(row)) / temperature) for value in row]
        # Two roundings of float64 for each of ten values, and those of exp: far below 1e-13.
        np.testing.assert_allclose(found, [one / math.fsum(exponents) for one in exponents], rtol=1e-13, atol=1e-300)
    assert (scores.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_without_a_temperature_nothing_changes() -> None:
    logits = np.random.default_rng(1).normal(0, 4, (50, 10)).astype(np.float32)
    exponents = np.exp(np.float64(logits) - np.max(logits, axis=-1, keepdims=True))
    assert (softmax(logits) == exponents / exponents.sum(axis=-1, keepdims=True)).all()


def test_temperatures_of_cards() -> None:
    assert [parse_temperature(text) for text in ("1.25", "2", "5e-1", " 1 ")] == [1.25, 2.0, 0.5, 1.0]
    for text in ("", "0", "-1", "nan", "inf", "1e999", "x", "1,5", "1" * 50):
        with pytest.raises(ValueError, match="temperature is .* it must be a number above 0"):
            parse_temperature(text)


def test_a_score_as_it_is_shown_is_compared() -> None:
    assert MinScore(0.6).decide(BEST) == {"label": "cat"} == MinScore(0).decide(BEST)
    reason = "the highest score, 0.6 for cat, is below min_score 0.61"
    assert MinScore(0.61).decide(BEST) == {"label": None, "reason": reason}


def test_one_for_each_label() -> None:
    own = MinScore({"cat": 0.7, "dog": 0.1})
    assert own.decide(BEST)["reason"] == "the highest score, 0.6 for cat, is below its min_score 0.7"
    assert own.decide(BEST[1:]) == {"label": "dog"}
    assert own.decide([{"label": "ship", "class_id": 2, "score": 0.01}]) == {"label": "ship"}


@pytest.mark.parametrize("value", [0, 1, 0.5, {"cat": 0.5}, {"cat": 1, "ship": 0}, {}])
def test_cards(value: Any) -> None:
    assert MinScore.from_json(value, LABELS).value == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.5, "min_score is 1.5, it must be a number from 0 to 1"),
        ("0.5", "min_score is '0.5'"),
        (True, "min_score is True"),
        (None, "min_score is None"),
        (math.nan, "min_score is nan"),
        ([0.5], "min_score is"),
        ({"cat": -1}, "min_score of 'cat' is -1"),
        ({"horse": 0.5}, "min_score names 'horse', and the model has no such label"),
    ],
)
def test_wrong_cards(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MinScore.from_json(value, LABELS)
