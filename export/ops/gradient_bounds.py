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
from export.ops.fwht_2d_reference import count_rows, transform
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
    dy = y_gradient.astype(np.float64).repeat(pool, axis=1) / pool
    u = _transform(x.astype(np.float64), n, forward_terms + 4)
    w = _transform(dy, n, forward_terms + 4 + 2 * (pool > 1))
    limits, factors = (values.astype(np.float64).reshape(paths, n, 1, 1) for values in (thresholds, scale))
    dx, d_limits, d_factors = _differentiate_paths(u, w, limits, factors, backward_terms, chain, keep_dc, soft)
    return np.broadcast_to(dx, x.shape), d_limits, d_factors


def fwht_2d_gradients_bounds(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    y_gradient: np.ndarray,
    forward_terms: int,
    backward_terms: int,
    chain: int,
    stride: int = 1,
    keep_dc: int = 0,
    paths: int = 1,
    soft: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of the two-dimensional layer: the bounds for x (N, C, 1, 1), thresholds and scale (paths n n,).

    A map is a pixel of m m channels, m = n / stride, of the sums over windows by stride, as Y's gradient is by stride.
    These sums must be exact in float32: X of few bits. Weights without effect have a bound of 0.
    """
    n = count_rows(thresholds, paths)
    m = n // stride
    limits, factors = (
        values.astype(np.float64).reshape(paths, n, n)[:, ::stride, ::stride].reshape(paths, m * m, 1, 1)
        for values in (thresholds, scale)
    )
    padded = [
        np.pad(values.astype(np.float64), ((0, 0), (0, 0), (0, side - values.shape[2]), (0, side - values.shape[3])))
        for values, side in ((x, n), (y_gradient, m))
    ]
    sums = padded[0].reshape(*x.shape[:2], m, stride, m, stride).sum(axis=(3, 5))
    u, w = (_transform_maps(values / stride, forward_terms + 4) for values in (sums, padded[1]))
    dx, *found = _differentiate_paths(u, w, limits, factors, backward_terms, chain, keep_dc, soft)
    d_limits, d_factors = np.zeros((2, paths, n, n))
    for spread, values in zip((d_limits, d_factors), found):
        spread[:, ::stride, ::stride] = values.reshape(paths, m, m)
    return dx.reshape(*x.shape[:2], 1, 1) / stride, d_limits.ravel(), d_factors.ravel()


def _transform(values: np.ndarray, n: int, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """The sizes of the coefficients of (N, C, H, W), and their bounds."""
    h = hadamard(n)[:, : values.shape[1]] / np.sqrt(n)
    size = np.abs(np.einsum("kc,nchw->nkhw", h, values, optimize=True))
    return size, terms * U * np.abs(values).sum(axis=1, keepdims=True) / np.sqrt(n) + 0 * size


def _transform_maps(maps: np.ndarray, terms: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of (N, C, m, m), each map a pixel: (N C, m m, 1, 1)."""
    m = maps.shape[-1]
    size = np.abs(transform(maps, m)).reshape(-1, m * m, 1, 1)
    return size, terms * U * np.abs(maps).reshape(-1, m * m, 1, 1).sum(axis=1, keepdims=True) / m + 0 * size


def _differentiate_paths(
    u: tuple[np.ndarray, np.ndarray],
    w: tuple[np.ndarray, np.ndarray],
    limits: np.ndarray,
    factors: np.ndarray,
    backward_terms: int,
    chain: int,
    keep_dc: int,
    soft: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The bounds for x (N, 1, H, W), thresholds and scale of sizes and bounds of u and w; weights (paths, n, 1, 1)."""
    (u_size, du), (w_size, dw) = u, w
    paths, n = limits.shape[:2]
    sizes, errors = np.zeros_like(u_size), np.zeros_like(u_size)
    d_limits, d_factors = np.zeros((paths, n)), np.zeros((paths, n))
    for path, (limit, factor) in enumerate(zip(limits, np.abs(factors))):
        t, dt, slope, d_slope = _differentiate(factor * u_size, factor * du, limit, soft)
        size = factor * slope * w_size
        sizes, errors = sizes + size, errors + factor * (dw * slope + w_size * d_slope) + 3 * U * size
        d_limits[path] = _sum_pixels(t * w_size, dw * t + w_size * dt, chain)
        size, error = u_size * slope * w_size, du * slope * w_size + u_size * (d_slope * w_size + slope * dw)
        d_factors[path] = _sum_pixels(size, error, chain)
    errors += (paths - 1) * U * sizes
    if keep_dc:
        sizes[:, 0], errors[:, 0], d_limits[:, 0], d_factors[:, 0] = w_size[:, 0], dw[:, 0], 0, 0
    dx = (errors + (backward_terms + 6) * U * sizes).sum(axis=1, keepdims=True) / np.sqrt(n)
    return dx, d_limits.ravel(), d_factors.ravel()


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
