"""The temperature: what it finds, what it leaves alone, and the calibration error beside a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from export.report.calibration import BINS, calibration_error, fit_temperature, sort_into_bins
from server.models.scores import softmax


def draw(images: int, classes: int = 10, factor: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and the class ids drawn from their softmax: calibrated, then multiplied by `factor`."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (images, classes))
    class_ids = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return (factor * logits).astype(np.float32), class_ids


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_what_spoilt_the_scores(factor: float) -> None:
    logits, class_ids = draw(20_000, factor=factor)
    temperature = fit_temperature(logits, class_ids)
    # The standard error of T / factor, by the curvature of the loss, is below 1 % for 20,000 images: four of them.
    assert temperature == pytest.approx(factor, rel=0.04)
    assert temperature is not None
    test, ids = draw(20_000, factor=factor, seed=1)
    assert calibration_error(softmax(test, temperature), ids) < 0.02
    assert (softmax(test, temperature).argmax(axis=1) == test.argmax(axis=1)).all()
    if factor != 1.0:
        assert calibration_error(softmax(test), ids) > 0.05


def test_it_is_the_minimum_that_another_method_finds() -> None:
    logits, class_ids = draw(500, factor=1.7)

    def loss(temperature: float) -> float:
        return float(-np.log(softmax(logits, temperature)[np.arange(500), class_ids]).mean())

    found = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-6}).x
    assert fit_temperature(logits, class_ids) == pytest.approx(found, abs=2e-4)  # four decimals, both rounded


def test_images_that_do_not_tell_give_none() -> None:
    logits, class_ids = draw(500)
    assert fit_temperature(logits[:29], class_ids[:29]) is None
    assert fit_temperature(logits, logits.argmax(axis=1)) is None  # the lower the better
    assert fit_temperature(logits, logits.argmin(axis=1)) is None  # the higher the better
    assert fit_temperature(np.zeros((0, 0), np.float32), np.zeros(0, np.int64)) is None


def test_the_error_is_that_of_its_definition() -> None:
    logits, class_ids = draw(300, factor=2)
    scores = softmax(logits)
    total = 0.0
    for i in range(BINS):
        inside = [
            (row.max(), row.argmax() == c)
            for row, c in zip(scores, class_ids)
            if i / BINS <= row.max() < (i + 1) / BINS or (i == BINS - 1 and row.max() == 1)
        ]
        total += abs(sum(score for score, _ in inside) - sum(right for _, right in inside))
    # 300 sums of numbers up to 1, rounded to 2^-53 each.
    assert calibration_error(scores, class_ids) == pytest.approx(total / 300, abs=300 * 2**-52)
    assert sum(one.images for one in sort_into_bins(scores, class_ids)) == 300


def test_large_logits_and_sure_scores() -> None:
    assert softmax(np.array([[1e4, -1e4, 0]], np.float32)).tolist() == [[1, 0, 0]]
    assert calibration_error(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])) == 0
    assert calibration_error(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1, 0])) == 1
