"""The two-dimensional FWHT layer, slow and obvious, in float64 NumPy.

Pan, Badawi, Cetin, arXiv 2201.02711: in place of a 3x3 convolution or of squeeze-and-excite. Known of it are its
abstract and its authors' code. Each channel by itself, thresholds and scale the same for all of them; H_n the Hadamard
matrix in natural order, n the root of the number of thresholds of a path, a power of two:

    U = H_n pad(X) H_n / n                          zeros below and to the right, up to n x n
    S_p = scale_p * U                               elementwise, as all that follows
    V = sum over the paths p of f(S_p, thresholds_p)          V_00 = U_00 where keep_dc
    f(s, T) = tanh(s) * max(|s| - T, 0)             soft: sgn(s) * max(|s| - T, 0), sgn(0) = 0
    Z = H_n V H_n / n
    y = Z[:ceil(H / stride), :ceil(W / stride)]     stride s > 1: of the means of Z over s x s windows, s apart
    Y = activation(gain * y + bias)

Decided here, as the code leaves it open or does it for square maps alone:

* one n for both axes, at least max(H, W);
* a strided layer is cut to the size that a strided convolution makes, ceil(H / s). The authors' code pools n x n and
  cuts that to H x W, so a map of 14 becomes one of 8, where a convolution makes one of 7;
* windows reach into what lies beyond the image: Z is not zero there;
* rows and columns are in natural order. The authors permute them, which decides where each threshold starts,
  and no more;
* paths, the soft threshold and keep_dc are the one-dimensional layer's; the authors' code has one smooth path that
  thresholds every coefficient, hence the defaults.

A stride leaves three of four coefficients without effect: the mean over a window of s = 2^k pixels is 0 in every row of
H_n whose number s does not divide. So

    y = H_m V' H_m / n,    V' made of U' = H_m X' H_m / n,    m = n / s,

X' the sums over s x s windows of X, from thresholds and scales of every s-th row and column. All fast versions do that.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ops.hadamard import hadamard
from export.ops.reference import activate

Array = NDArray[Any]
LARGEST_SIDE = 128  # n at most


def count_rows(thresholds: Array, paths: int) -> int:
    """n of so many thresholds. Raises ValueError where they are not `paths` squares."""
    n = isqrt(len(thresholds) // paths)
    if paths * n * n != len(thresholds):
        raise ValueError(f"{len(thresholds)} thresholds are not {paths} paths of n x n")
    return n


def transform(x: Array, n: int) -> Array:
    """H_n pad(x) H_n / n of maps x (N, C, H, W) float64 -> (N, C, n, n)."""
    padded = np.pad(x, ((0, 0), (0, 0), (0, n - x.shape[2]), (0, n - x.shape[3])))
    h = hadamard(n)
    return np.asarray(h @ padded @ h / n)


def fwht_2d(
    x: Array,
    thresholds: Array,
    scale: Array,
    gain: Array,
    bias: Array,
    stride: int = 1,
    keep_dc: int = 0,
    activation: int = 0,
    paths: int = 1,
    soft: int = 0,
) -> Array:
    """x (N, C, H, W), thresholds and scale (paths n n,), path after path, gain and bias (C,).

    -> (N, C, ceil(H / stride), ceil(W / stride)) float64. Raises ValueError where the thresholds are not `paths`
    squares of a power of two, or the map is larger than one.
    """
    x, n = x.astype(np.float64), count_rows(thresholds, paths)
    batch, channels, height, width = x.shape
    limits, factors = (values.astype(np.float64).reshape(paths, n, n) for values in (thresholds, scale))
    u = transform(x, n)
    v = np.zeros_like(u)
    for limit, factor in zip(limits, factors):
        s = factor * u
        v += (np.sign(s) if soft else np.tanh(s)) * np.maximum(np.abs(s) - limit, 0.0)
    if keep_dc:
        v[:, :, 0, 0] = u[:, :, 0, 0]
    z = transform(v, n)
    windows = z.reshape(batch, channels, n // stride, stride, n // stride, stride).mean(axis=(3, 5))
    y = windows[:, :, : -(-height // stride), : -(-width // stride)]
    return activate(gain.astype(np.float64)[:, None, None] * y + bias.astype(np.float64)[:, None, None], activation)


def fwht_2d_gradients(
    x: Array,
    thresholds: Array,
    scale: Array,
    y_gradient: Array,
    stride: int = 1,
    keep_dc: int = 0,
    paths: int = 1,
    soft: int = 0,
) -> tuple[Array, Array, Array]:
    """The gradients of x, thresholds and scale, where that of y (N, C, ceil(H / stride), ceil(W / stride)) is given; no
    gain, bias and activation. H_n / n, applied to rows and columns, is symmetric, so with dZ the gradient of Z (each
    value of dy over its window, by stride^2; 0 beyond), W = H_n dZ H_n / n, and t = tanh(S) (soft: sgn(S)), elementwise

        dV / dS_p = (1 - t^2) max(|S| - T, 0) + |t| [|S| > T]            soft: [|S| > T], 0 at S = 0
        dT_p = -sum over the maps of t [|S| > T] W
        dscale_p = sum over the maps of U dV / dS_p W
        dX = H_n dU H_n / n, cut to H x W,   dU = sum over p of scale_p dV / dS_p W
    """
    x, n = x.astype(np.float64), count_rows(thresholds, paths)
    limits, factors = (values.astype(np.float64).reshape(paths, n, n) for values in (thresholds, scale))
    spread = y_gradient.astype(np.float64).repeat(stride, axis=2).repeat(stride, axis=3) / stride**2
    u, w = transform(x, n), transform(spread[:, :, :n, :n], n)
    du, d_limits, d_factors = np.zeros_like(u), np.zeros_like(limits), np.zeros_like(factors)
    for path, (limit, factor) in enumerate(zip(limits, factors)):
        s = factor * u
        t = np.sign(s) if soft else np.tanh(s)
        is_open = np.abs(s) > limit
        slope = np.abs(t) * is_open + (0 if soft else (1 - t**2) * np.maximum(np.abs(s) - limit, 0.0))
        du += factor * slope * w
        d_limits[path] = -(t * is_open * w).sum(axis=(0, 1))
        d_factors[path] = (u * slope * w).sum(axis=(0, 1))
    if keep_dc:
        du[:, :, 0, 0], d_limits[:, 0, 0], d_factors[:, 0, 0] = w[:, :, 0, 0], 0, 0
    dx = transform(du, n)[:, :, : x.shape[2], : x.shape[3]]
    return dx, d_limits.ravel(), d_factors.ravel()
