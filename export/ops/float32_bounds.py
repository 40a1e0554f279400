"""How far a float32 run of the ops may lie from `export.ops.reference`: bounds to first order in u = 2^-24.

A sum of m products in float32, in whatever order, errs by at most m u times the sum of their sizes. A transform as two
factors with K and b columns is two such sums, and every entry of H_n / sqrt(n) has the size 1 / sqrt(n), so with the
rounding of the factors themselves

    |du_k| <= (K + b + 4) u |x|_1 / sqrt(n),    |x|_1 the sum of |x_c| over the channels of one pixel.

The threshold function v = tanh(s) r, r = max(|s| - T, 0), has a slope of at most 1 + r, and rounds in four places:

    |dv| <= (1 + r) |ds| + u ((TANH + 2) |v| + (|s| + |T|) |tanh s|).

The soft one, v = sgn(s) r, has the slope 1 and sgn(s) in place of tanh s, without an error of its own:

    |dv| <= |ds| + u (2 |v| + |s| + |T|) + jump.

Where T < 0 it jumps at s = 0, from -|T| over 0 to |T|: jump = 2 |T| where 0 lies within |ds| of s and |ds| > 0, else
jump = 0. Of P paths the distances add up, and their sum rounds P - 1 times: (P - 1) u sum |v_p|.

The way back sums |dv| as it sums v, and adds its own (K' + b' + 6) u |v|_1 / sqrt(n), times |gain|; the bias comes
last. |v| is there the sum of the sizes of the paths, since a body may leave their sum to the way back. Activations and
means do not enlarge a distance. n enters through K, b, the norms and 1 / sqrt(n).

The two-dimensional layer is that of n n coefficients, with K and b the lengths of its sums along either axis and no
roundings of factors 1 / n; the norms are over a map.
"""

from __future__ import annotations

import numpy as np

from export.ops.fwht_2d_reference import count_rows, transform
from export.ops.hadamard import hadamard
from export.ops.reference import mf_depthwise_conv
from export.ops.windows import list_window_starts

U = 2.0**-24
TANH = 8  # relative error of ONNX Runtime's tanh in units of u; its rational approximation was seen to use 3


def fwht_layer_bounds(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    forward_terms: int,
    backward_terms: int,
    keep_dc: int = 1,
    paths: int = 1,
    soft: int = 0,
    dx: np.ndarray | float = 0.0,
) -> np.ndarray:
    """The bound for each output, (N, out_channels, H, W) float64; arguments as of `export.ops.reference.fwht_layer`.

    `forward_terms` is K + b, `backward_terms` K' + b'. Where x itself, another layer's output, may be off by dx, |du_k|
    is larger by |dx|_1 / sqrt(n).
    """
    x, n = x.astype(np.float64), len(thresholds) // paths
    limits, factors = (values.astype(np.float64).reshape(paths, n, 1, 1) for values in (thresholds, scale))
    h = hadamard(n)[:, : x.shape[1]] / np.sqrt(n)
    u = np.einsum("kc,nchw->nkhw", h, x, optimize=True)
    du = ((forward_terms + 4) * U * np.abs(x) + dx).sum(axis=1, keepdims=True) / np.sqrt(n)
    v, dv = _add_paths(np.abs(u), du, limits, np.abs(factors), soft)
    if keep_dc:
        v[:, :1] = np.abs(u[:, :1])
        dv[:, :1] = du + (TANH + 4) * U * v[:, :1]
    dz = (dv + (backward_terms + 6) * U * v).sum(axis=1, keepdims=True) / np.sqrt(n)
    return np.asarray(np.abs(gain)[:, None, None] * dz + 2 * U * np.abs(bias)[:, None, None])


def fwht_layer_bounds_of_windows(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    forward_terms: int,
    backward_terms: int,
    keep_dc: int,
    paths: int,
    soft: int,
    pool: int,
) -> np.ndarray:
    """The same in block mode; `backward_terms` is K' + b' + pool, as the sum of a pool rounds on its own."""
    block = len(thresholds) // paths
    starts = list_window_starts(x.shape[1], len(gain), block)
    ones, options = np.ones(block), (forward_terms, backward_terms, keep_dc, paths, soft)
    windows = [fwht_layer_bounds(x[:, s : s + block], thresholds, scale, ones, 0 * ones, *options) for s in starts]
    dz = np.concatenate(windows, axis=1)
    groups = x.shape[1] // pool if pool > 1 else dz.shape[1]
    dz = dz[:, : groups * pool].reshape(len(dz), groups, pool, *dz.shape[2:]).mean(axis=2)[:, : len(gain)]
    return np.asarray(np.abs(gain)[:, None, None] * dz + 2 * U * np.abs(bias)[:, None, None])


def _add_paths(
    u: np.ndarray, du: np.ndarray, limits: np.ndarray, factors: np.ndarray, soft: int
) -> tuple[np.ndarray, np.ndarray]:
    """The sums over the paths of |v| and of the bound of |dv|, for |u| and |du|; limits and |factors| by path."""
    v, dv = np.zeros_like(u), np.zeros_like(u)
    for limit, factor in zip(limits, factors):
        size, distance = _thresholded(factor * u, factor * du, limit, soft)
        v, dv = v + size, dv + distance
    return v, dv + (len(limits) - 1) * U * v


def _thresholded(s: np.ndarray, ds: np.ndarray, limits: np.ndarray, soft: int) -> tuple[np.ndarray, np.ndarray]:
    """|v| and the bound of |dv| for |s| and |ds|, of one path."""
    r = np.maximum(s - limits, 0)
    if soft:
        jump = np.where((s <= ds) & (ds > 0), 2 * np.maximum(-limits, 0), 0)
        return np.where(s > 0, r, 0), ds + U * (2 * r + s + np.abs(limits)) + jump
    bent = np.tanh(s)
    v = bent * r
    return v, (1 + r) * ds + U * ((TANH + 2) * v + (s + np.abs(limits)) * bent)


def fwht_2d_bounds(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    forward_terms: int,
    backward_terms: int,
    stride: int = 1,
    keep_dc: int = 0,
    paths: int = 1,
    soft: int = 0,
) -> np.ndarray:
    """The bound for all outputs of a channel, (N, C, 1, 1) float64; arguments as of `fwht_2d_reference.fwht_2d`.

    `forward_terms` and `backward_terms` are the lengths of the sums along the two axes, added up. Coefficients that a
    stride leaves without effect do not count: the versions compared do not compute them.
    """
    x, n = x.astype(np.float64), count_rows(thresholds, paths)
    limits, factors = (
        values.astype(np.float64).reshape(paths, n, n)[:, ::stride, ::stride] for values in (thresholds, scale)
    )
    u = transform(x, n)[:, :, ::stride, ::stride]
    du = (forward_terms + 4) * U * np.abs(x).sum(axis=(2, 3), keepdims=True) / n
    v, dv = _add_paths(np.abs(u), du, limits, np.abs(factors), soft)
    if keep_dc:
        v[:, :, 0, 0] = np.abs(u[:, :, 0, 0])
        dv[:, :, 0, 0] = du[:, :, 0, 0] + (TANH + 4) * U * v[:, :, 0, 0]
    dz = (dv + (backward_terms + 6) * U * v).sum(axis=(2, 3), keepdims=True) / n
    return np.asarray(np.abs(gain)[:, None, None] * dz + 2 * U * np.abs(bias)[:, None, None])


def mf_depthwise_conv_bounds(
    x: np.ndarray, weight: np.ndarray, gain: np.ndarray, bias: np.ndarray, stride: int, padding: int
) -> np.ndarray:
    """The bound for each output of any of the three operators, (N, C, H', W') float64.

    k k terms, none larger than |a| + |b|, each rounded four times at most, and their sum; then gain and bias.
    """
    ones, zeros = np.ones(len(gain)), np.zeros(len(gain))
    sizes = mf_depthwise_conv(np.abs(x), np.abs(weight), ones, zeros, stride, padding, operator=1)
    terms = weight.shape[-1] ** 2 + 6
    return np.asarray(np.abs(gain)[:, None, None] * terms * U * sizes + 2 * U * np.abs(bias)[:, None, None])
