"""How far a float32 run of the two ops may lie from `export.ops.reference`: bounds to first order in u = 2^-24.

A sum of m products in float32, in whatever order, errs by at most m u times the sum of their sizes. A transform as two
factors with K and b columns is two such sums, and every entry of H_n / sqrt(n) has the size 1 / sqrt(n), so with the
rounding of the factors themselves

    |du_k| <= (K + b + 4) u |x|_1 / sqrt(n),    |x|_1 the sum of |x_c| over the channels of one pixel.

The threshold function v = tanh(s) r, r = max(|s| - T, 0), has a slope of at most 1 + r, and rounds in four places:

    |dv| <= (1 + r) |ds| + u ((TANH + 2) |v| + (|s| + |T|) |tanh s|).

The way back sums |dv| as it sums v, and adds its own (K' + b' + 6) u |v|_1 / sqrt(n), times |gain|; the bias comes
last. Activations and means do not enlarge a distance. n enters through K, b, the norms and 1 / sqrt(n).
"""

from __future__ import annotations

import numpy as np

from export.ops.hadamard import hadamard
from export.ops.reference import mf_depthwise_conv

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
) -> np.ndarray:
    """The bound for each output, (N, out_channels, H, W) float64; arguments as of `export.ops.reference.fwht_layer`.

    `forward_terms` is K + b, `backward_terms` K' + b'.
    """
    x, n = x.astype(np.float64), len(thresholds)
    limits = thresholds.astype(np.float64)[:, None, None]
    factors = np.abs(scale.astype(np.float64))[:, None, None]
    h = hadamard(n)[:, : x.shape[1]] / np.sqrt(n)
    u = np.einsum("kc,nchw->nkhw", h, x, optimize=True)
    du = (forward_terms + 4) * U * np.abs(x).sum(axis=1, keepdims=True) / np.sqrt(n)
    s = factors * u
    r = np.maximum(np.abs(s) - limits, 0)
    bent = np.abs(np.tanh(s))
    v = bent * r
    dv = (1 + r) * factors * du + U * ((TANH + 2) * v + (np.abs(s) + np.abs(limits)) * bent)
    if keep_dc:
        v[:, :1] = np.abs(u[:, :1])
        dv[:, :1] = du + (TANH + 4) * U * v[:, :1]
    dz = (dv + (backward_terms + 6) * U * v).sum(axis=1, keepdims=True) / np.sqrt(n)
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
