"""FWHTLayer and MFDepthwiseConv, slow and obvious, in float64 NumPy: what every fast version is compared with.

FWHT layer (Pan, Badawi, Cetin, arXiv 2104.07085, section 3; the smooth threshold as the authors coded it; several paths
as in their arXiv 2303.06797), n the number of thresholds of a path, H_n the Hadamard matrix in natural order:

    u = H_n pad(X) / sqrt(n)
    s_pk = scale_pk * u_k
    v_k = sum over the paths p of f(s_pk, thresholds_pk)        v_0 = u_0 where keep_dc
    f(s, T) = tanh(s) * max(|s| - T, 0)                         soft: sgn(s) * max(|s| - T, 0), sgn(0) = 0
    z = H_n v / sqrt(n)
    y = z[:out_channels]           pool > 1: mean over groups of `pool` channels of z[:C_in // pool * pool], then cut
    Y = activation(gain * y + bias)

In block mode (arXiv 2201.02711, as the authors coded it), block = n, each window of n channels is transformed on its
own up to its n values of z, and z is those of all windows, one after the other (export/ops/windows.py: which windows).

Multiplication-free depthwise convolution (operator 1: Afrasiyabi et al., arXiv 1702.02676): a convolution whose
product a * b is replaced by

    1   sgn(ab) (|a| + |b|)        2   sgn(ab) min(|a|, |b|)        3   min(|a|, |b|) where sgn a = sgn b, else 0
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.ops.hadamard import hadamard
from export.ops.windows import list_window_starts

Array = NDArray[Any]


def activate(y: Array, activation: int) -> Array:
    """0: nothing, 1: ReLU, 6: ReLU6. Raises ValueError for any other number."""
    if activation == 0:
        return y
    if activation == 1:
        return np.asarray(np.maximum(y, 0.0))
    if activation == 6:
        return np.asarray(np.clip(y, 0.0, 6.0))
    raise ValueError(f"activation is 0 (none), 1 (ReLU) or 6 (ReLU6), not {activation}")


def fwht_layer(
    x: Array,
    thresholds: Array,
    scale: Array,
    gain: Array,
    bias: Array,
    out_channels: int,
    keep_dc: int = 1,
    pool: int = 1,
    activation: int = 0,
    paths: int = 1,
    soft: int = 0,
    block: int = 0,
) -> Array:
    """x (N, C_in, H, W), thresholds and scale (paths n,), path after path, gain and bias (out_channels,).

    -> (N, out_channels, H, W). Raises ValueError where the thresholds are not `paths` times a power of two, or the
    sizes do not fit the block.
    """
    x, in_channels, n = x.astype(np.float64), x.shape[1], len(thresholds) // paths
    limits, factors = (values.astype(np.float64).reshape(paths, n, 1, 1) for values in (thresholds, scale))
    if block and block != n:
        raise ValueError(f"block = {block} must be the number of thresholds of a path, which is {n}")
    starts = list_window_starts(in_channels, out_channels, block) if block else [0]
    length = block or in_channels
    h = hadamard(n) / np.sqrt(n)
    z = np.concatenate([_bend(h, x[:, s : s + length], limits, factors, keep_dc, soft) for s in starts], axis=1)
    if pool > 1:
        groups = in_channels // pool
        z = z[:, : groups * pool].reshape(z.shape[0], groups, pool, *z.shape[2:]).mean(axis=2)
    y = z[:, :out_channels]
    return activate(gain.astype(np.float64)[:, None, None] * y + bias.astype(np.float64)[:, None, None], activation)


def _bend(h: Array, x: Array, limits: Array, factors: Array, keep_dc: int, soft: int) -> Array:
    """z (N, n, H, W) of x (N, n or fewer channels, H, W); h is H_n / sqrt(n), limits and factors (paths, n, 1, 1)."""
    padded = np.concatenate([x, np.zeros((x.shape[0], len(h) - x.shape[1]) + x.shape[2:])], axis=1)
    u = np.einsum("kc,nchw->nkhw", h, padded, optimize=True)
    v = np.zeros_like(u)
    for limit, factor in zip(limits, factors):
        s = factor * u
        v += (np.sign(s) if soft else np.tanh(s)) * np.maximum(np.abs(s) - limit, 0.0)
    if keep_dc:
        v[:, 0] = u[:, 0]
    return np.asarray(np.einsum("kc,nchw->nkhw", h, v, optimize=True))


def fwht_layer_gradients(
    x: Array,
    thresholds: Array,
    scale: Array,
    y_gradient: Array,
    keep_dc: int = 1,
    pool: int = 1,
    paths: int = 1,
    soft: int = 0,
) -> tuple[Array, Array, Array]:
    """The gradients of x, thresholds and scale, where that of y (N, out_channels, H, W) is given; no gain, bias and
    activation. H_n / sqrt(n) is symmetric, so with w = H_n pad(dy) / sqrt(n), the gradient of v, and t = tanh(s)

        dv_k / ds_pk = (1 - t^2) max(|s| - T, 0) + |t| [|s| > T]            soft: [|s| > T], 0 at s = 0
        dT_pk = -sum over the pixels of t [|s| > T] w_k                     soft: sgn(s) for t
        dscale_pk = sum over the pixels of u_k dv_k / ds_pk w_k
        dx = H_n du / sqrt(n), cut to C_in,   du_k = sum over p of scale_pk dv_k / ds_pk w_k
    """
    x, dy, in_channels, n = x.astype(np.float64), y_gradient.astype(np.float64), x.shape[1], len(thresholds) // paths
    limits, factors = (values.astype(np.float64).reshape(paths, n, 1, 1) for values in (thresholds, scale))
    h = hadamard(n) / np.sqrt(n)
    dz = dy.repeat(pool, axis=1) / pool
    u = np.einsum("kc,nchw->nkhw", h[:, :in_channels], x, optimize=True)
    w = np.einsum("kc,nchw->nkhw", h[:, : dz.shape[1]], dz, optimize=True)
    du, d_limits, d_factors = np.zeros_like(u), np.zeros((paths, n)), np.zeros((paths, n))
    for path, (limit, factor) in enumerate(zip(limits, factors)):
        s = factor * u
        t = np.sign(s) if soft else np.tanh(s)
        open_ = np.abs(s) > limit
        slope = np.abs(t) * open_ + (0 if soft else (1 - t**2) * np.maximum(np.abs(s) - limit, 0.0))
        du += factor * slope * w
        d_limits[path] = -(t * open_ * w).sum(axis=(0, 2, 3))
        d_factors[path] = (u * slope * w).sum(axis=(0, 2, 3))
    if keep_dc:
        du[:, 0], d_limits[:, 0], d_factors[:, 0] = w[:, 0], 0, 0
    dx = np.einsum("kc,nkhw->nchw", h[:, :in_channels], du, optimize=True)
    return dx, d_limits.ravel(), d_factors.ravel()


def mf_operator(a: Array, b: Array, operator: int) -> Array:
    """One of the three operators, elementwise with broadcasting; sgn(0) = 0."""
    sign = np.sign(a) * np.sign(b)
    if operator == 1:
        return np.asarray(sign * (np.abs(a) + np.abs(b)))
    if operator == 2:
        return np.asarray(sign * np.minimum(np.abs(a), np.abs(b)))
    if operator == 3:
        return np.where(np.sign(a) == np.sign(b), np.minimum(np.abs(a), np.abs(b)), 0.0)
    raise ValueError(f"the multiplication-free operators are 1, 2 and 3, not {operator}")


def mf_depthwise_conv(
    x: Array,
    weight: Array,
    gain: Array,
    bias: Array,
    stride: int = 1,
    padding: int = 1,
    operator: int = 1,
    activation: int = 0,
) -> Array:
    """x (N, C, H, W), weight (C, 1, k, k), gain and bias (C,) -> (N, C, H', W') float64, zeros around the image."""
    x, weight = x.astype(np.float64), weight.astype(np.float64)
    k = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    height = (padded.shape[2] - k) // stride + 1
    width = (padded.shape[3] - k) // stride + 1
    y = np.zeros((x.shape[0], x.shape[1], height, width))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            window = padded[:, :, top : top + k, left : left + k]
            y[:, :, row, column] = mf_operator(window, weight[:, 0], operator).sum(axis=(2, 3))
    return activate(gain.astype(np.float64)[:, None, None] * y + bias.astype(np.float64)[:, None, None], activation)
