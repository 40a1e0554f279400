"""How far the float32 gradients of the FWHT layer may lie from `reference.fwht_layer_gradients`, to first order in
u = 2^-24; the errors of the transforms are those of `float32_bounds`.

With the error dw of w and ds of s, t = tanh(s), r = max(|s| - T, 0), slope = (1 - t^2) r + |t| [|s| > T]:

    |dt| <= (1 - t^2) |ds| + TANH u |t|                        |dr| <= |ds| + u (|s| + |T|)
    |dslope| <= (2 |t| |dt| + 2 u) r + (1 - t^2) |dr| + |dt| + 2 u slope + jump

The slope jumps by |t| where |s| crosses T: jump = |t| where |s| lies within |ds| + u (|s| + |T|) of T, else 0. With the
soft threshold the slope is 0 or 1 and errs by that jump alone, and t = sgn(s) jumps, too, where 0 lies within |ds| of
s: the slope by 1 at most, t by 2.

The gradient of a coefficient, scale slope w of each path, rounds 3 times, and their sum paths - 1 times; the sum over
the pixels rounds once for each term in the longest chain of additions, `chain`, which the caller knows.
"""

from __future__ import annotations

import numpy as np

from export.ops.float32_bounds import TANH, U
from export.ops.hadamard import hadamard


def fwht_layer_gradients_bounds(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    y_gradient: np.ndarray,
    forward_terms: int,
    backward_terms: int,
    chain: int,
    keep_dc: int = 1,
    pool: int = 1,
    paths: int = 1,
    soft: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bounds for the gradients of x, thresholds and scale, in their shapes; arguments as of the reference.

    `forward_terms` is K + b of the transforms of X and of Y's gradient, `backward_terms` of the one back to X.
    """
    n = len(thresholds) // paths
    limits, factors = (values.astype(np.float64).reshape(paths, n, 1, 1) for values in (thresholds, scale))
    u, du = _transform(x.astype(np.float64), n, forward_terms + 4)
    w, dw = _transform(y_gradient.astype(np.float64).repeat(pool, axis=1) / pool, n, forward_terms + 4 + 2 * (pool > 1))
    sizes, errors = np.zeros_like(u), np.zeros_like(u)
    d_limits, d_factors = np.zeros((paths, n)), np.zeros((paths, n))
    for path, (limit, factor) in enumerate(zip(limits, np.abs(factors))):
        t, dt, slope, d_slope = _differentiate(factor * np.abs(u), factor * du, limit, soft)
        size = factor * slope * w
        sizes, errors = sizes + size, errors + factor * (dw * slope + w * d_slope) + 3 * U * size
        d_limits[path] = _sum_pixels(t * w, dw * t + w * dt, chain)
        size = np.abs(u) * slope * w
        d_factors[path] = _sum_pixels(size, du * slope * w + np.abs(u) * (d_slope * w + slope * dw), chain)
    errors += (paths - 1) * U * sizes
    if keep_dc:
        sizes[:, 0], errors[:, 0], d_limits[:, 0], d_factors[:, 0] = w[:, 0], dw[:, 0], 0, 0
    dx = (errors + (backward_terms + 6) * U * sizes).sum(axis=1, keepdims=True) / np.sqrt(n)
    return np.broadcast_to(dx, x.shape), d_limits.ravel(), d_factors.ravel()


def _transform(values: np.ndarray, n: int, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """The sizes of the coefficients of (N, C, H, W), and their bounds."""
    h = hadamard(n)[:, : values.shape[1]] / np.sqrt(n)
    size = np.abs(np.einsum("kc,nchw->nkhw", h, values, optimize=True))
    return size, terms * U * np.abs(values).sum(axis=1, keepdims=True) / np.sqrt(n) + 0 * size


def _sum_pixels(sizes: np.ndarray, errors: np.ndarray, chain: int) -> np.ndarray:
    return np.asarray((errors + (chain + 3) * U * sizes).sum(axis=(0, 2, 3)))


def _differentiate(
    s: np.ndarray, ds: np.ndarray, limit: np.ndarray, soft: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """|t [|s| > T]|, slope, and the bounds of both, for |s| and |ds|."""
    ds = ds + U * s
    crosses = np.abs(s - limit) <= ds + U * (s + np.abs(limit))
    is_open = s > limit
    if soft:
        flips = (s <= ds) & (ds > 0)
        jump = np.where(crosses | flips, 1.0, 0.0)
        slope = np.where(is_open & (s > 0), 1.0, 0.0)
        return slope, jump + flips, slope, jump
    t, r = np.tanh(s), np.maximum(s - limit, 0)
    rest = 1 - t**2
    dt, dr = rest * ds + TANH * U * t, ds + U * (s + np.abs(limit))
    jump = np.where(crosses, t, 0)
    slope = rest * r + t * is_open
    return t * is_open, dt + jump, slope, (2 * t * dt + 2 * U) * r + rest * dr + dt + 2 * U * slope + jump
