"""Scores that mean what they say: of the answers with a score of 0.8, four of five should be right.

A temperature T divides the logits before the softmax. It changes no label, and of all ways to calibrate a network it is
the simplest that works (Guo, Pleiss, Sun, Weinberger, arXiv 1706.04599, section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

BINS = 15  # as Guo et al. have it
FEWEST_IMAGES = 30  # of which some must be wrong
LOWEST, HIGHEST = 0.05, 20.0  # beyond, the images say nothing about the temperature


@dataclass(frozen=True)
class Bin:
    """The answers with a score from `low` to `high`: how many, their mean score, the share that is right."""

    low: float
    high: float
    images: int
    score: float
    accuracy: float


def fit_temperature(logits: np.ndarray, class_ids: np.ndarray) -> float | None:
    """The T at which the right answers are most likely, that is, the mean of -log softmax(logits / T) is lowest.

    None where (N, classes) and (N,) do not tell: too few images, or none of them wrong, for which T could not be low
    enough, or so many that it could not be high enough. The loss is convex in 1 / T; LBFGS finds the minimum in log T.
    """
    mistakes = int((logits.argmax(axis=1) != class_ids).sum()) if len(logits) else 0
    if len(logits) < FEWEST_IMAGES or mistakes == 0:
        return None
    values, targets = torch.from_numpy(logits).double(), torch.from_numpy(class_ids)
    exponent = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([exponent], lr=1.0, max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(values * torch.exp(-exponent), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    temperature = float(torch.exp(exponent.detach()))
    return round(temperature, 4) if LOWEST <= temperature <= HIGHEST else None


def sort_into_bins(scores: np.ndarray, class_ids: np.ndarray) -> list[Bin]:
    """The highest score of each image in BINS equal parts of 0 to 1; empty ones are left out."""
    best, right = scores.max(axis=1), scores.argmax(axis=1) == class_ids
    numbers = np.minimum((best * BINS).astype(int), BINS - 1)
    bins = []
    for i in np.unique(numbers):
        inside = numbers == i
        bins.append(
            Bin(
                low=float(i / BINS),
                high=float((i + 1) / BINS),
                images=int(inside.sum()),
                score=float(best[inside].mean()),
                accuracy=float(right[inside].mean()),
            )
        )
    return bins


def calibration_error(scores: np.ndarray, class_ids: np.ndarray) -> float:
    """Expected calibration error, 0 to 1: |mean score - share of right answers| in each bin, weighted by its images."""
    bins = sort_into_bins(scores, class_ids)
    return sum(one.images * abs(one.score - one.accuracy) for one in bins) / max(1, len(class_ids))
