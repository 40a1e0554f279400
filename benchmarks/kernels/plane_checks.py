"""Whether the sides of fwht_2d.py compute what they should: the share of a bound of float32's rounding that they use.

A sum of K products errs by at most (K + 2) u times the sum of their sizes, u = 2^-24, with the bias among them; the
sigmoid's slope is at most 1/4, and its own error 8 u of its value.
"""

from __future__ import annotations

import numpy as np

from benchmarks.harness.node_models import Weights
from benchmarks.harness.plane_models import PlaneCase
from export.ops.float32_bounds import TANH, U

CHECKED_CHANNELS = 16  # of the convolution's outputs, which takes long in float64


def check_plane(case: PlaneCase, weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    error = np.abs(y - case.compute_reference(x, weights))
    return float((error / case.compute_tolerance(x, weights)).max())


def check_window(weight: np.ndarray, bias: np.ndarray, activation: int, x: np.ndarray, y: np.ndarray) -> float:
    """Of a 3x3 convolution, depthwise where the weight has one input channel."""
    kept = np.arange(len(weight)) if weight.shape[1] == 1 else np.arange(min(CHECKED_CHANNELS, len(weight)))
    reference, sizes = (
        _sum_windows(one(x.astype(np.float64)), one(weight[kept].astype(np.float64))) for one in (np.asarray, np.abs)
    )
    reference += bias[kept, None, None]
    sizes += np.abs(bias[kept, None, None])
    if activation:
        reference = np.maximum(reference, 0)
    bound = (weight[0].size + 2) * U * sizes
    return float((np.abs(y[:, kept] - reference) / bound).max())


def _sum_windows(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A 3x3 convolution with zeros around the map."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = x.shape[2:]
    total = np.zeros((len(x), len(weight), height, width))
    for i in range(3):
        for j in range(3):
            window, factors = padded[:, :, i : i + height, j : j + width], weight[:, :, i, j]
            if weight.shape[1] == 1:
                total += window * factors[:, 0, None, None]
            else:
                total += np.einsum("dc,nchw->ndhw", factors, window, optimize=True)
    return total


def check_excite(weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    first, second = (weights[name][:, :, 0, 0].astype(np.float64) for name in ("first", "second"))
    x = x.astype(np.float64)
    mean, sizes = (one.mean(axis=(2, 3)) for one in (x, np.abs(x)))
    few = mean @ first.T + weights["first_bias"]
    pixels = x[0, 0].size
    d_few = (pixels + first.shape[1] + 4) * U * (sizes @ np.abs(first).T + np.abs(weights["first_bias"]))
    active = np.maximum(few, 0)
    every = active @ second.T + weights["second_bias"]
    d_every = d_few @ np.abs(second).T
    d_every += (second.shape[1] + 2) * U * (active @ np.abs(second).T + np.abs(weights["second_bias"]))
    factors = 1 / (1 + np.exp(-every))
    bound = np.abs(x) * (d_every / 4 + (TANH + 1) * U * factors)[:, :, None, None] + 2.0**-148
    return float((np.abs(y - x * factors[:, :, None, None]) / bound).max())
