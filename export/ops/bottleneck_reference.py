"""A bottleneck in float64: an FWHT layer that expands, a 3x3 depthwise convolution, an FWHT layer that projects, and
how far a float32 run may lie from it.

The op that plugins/fwht_bottleneck/contract.json describes; MobileNet-V2's inverted residual (Sandler et al., arXiv
1801.04381, section 3.3) with the layers of `export.ops.reference`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from export.ops.float32_bounds import U, fwht_layer_bounds
from export.ops.reference import activate, fwht_layer, mf_depthwise_conv

TAPS = 9


class Layer(NamedTuple):
    """An FWHT layer: thresholds and scale (paths * n,), gain and bias (channels of output,)."""

    thresholds: np.ndarray
    scale: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    keep_dc: int = 1
    activation: int = 0
    paths: int = 1
    soft: int = 0


class Filter(NamedTuple):
    """The depthwise convolution: weight (C, 1, 3, 3), gain and bias (C,); operator 0 multiplies."""

    weight: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    stride: int = 1
    operator: int = 0
    activation: int = 0


def fwht_bottleneck(x: np.ndarray, expand: Layer, depthwise: Filter, project: Layer, residual: int) -> np.ndarray:
    """x (N, C_in, H, W) -> (N, C_out, ceil(H / stride), ceil(W / stride)) float64; residual: x is added at the end,
    before project's activation.
    """
    hidden = activate(_run_layer(x, expand), expand.activation)
    hidden = activate(_run_filter(hidden, depthwise), depthwise.activation)
    return activate(_run_layer(hidden, project) + (x if residual else 0), project.activation)


def fwht_bottleneck_bounds(
    x: np.ndarray, expand: Layer, depthwise: Filter, project: Layer, residual: int
) -> np.ndarray:
    """The bound for each output of `fwht_bottleneck`, to first order in u: what each layer rounds, and what it makes of
    the distance of the one before.

    The depthwise convolution multiplies a distance by |w| (the other operators do not enlarge it), and rounds as
    `float32_bounds.mf_depthwise_conv_bounds` says. Operator 1 jumps by |w| each time a passes 0, which it may do where
    |a| before the activation is within its distance.
    """
    linear = _run_layer(x, expand)
    distance = _bound_layer(x, expand, np.zeros(x.shape))
    hidden = activate(linear, expand.activation)
    gain = np.abs(depthwise.gain.astype(np.float64))[:, None, None]
    bias = np.abs(depthwise.bias.astype(np.float64))[:, None, None]
    weight = np.abs(depthwise.weight.astype(np.float64))
    if depthwise.operator == 0:
        passed = _sum_windows(distance, weight, depthwise.stride)
        sizes = _sum_windows(np.abs(hidden), weight, depthwise.stride)
    else:
        passed = _sum_windows(distance, np.ones_like(weight), depthwise.stride)
        sizes = _sum_windows(np.abs(hidden), np.ones_like(weight), depthwise.stride)
        sizes += _sum_windows(np.ones_like(hidden), weight, depthwise.stride)
    if depthwise.operator == 1:
        passed += 2 * _sum_windows((np.abs(linear) <= distance).astype(np.float64), weight, depthwise.stride)
    filtered = activate(_run_filter(hidden, depthwise), depthwise.activation)
    distance = gain * (passed + (TAPS + 6) * U * sizes) + 2 * U * bias
    bounds = _bound_layer(filtered, project, distance)
    if residual:
        bounds = bounds + U * np.abs(_run_layer(filtered, project) + x)
    return np.asarray(bounds)


def _run_layer(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Without the activation."""
    arrays = (layer.thresholds, layer.scale, layer.gain, layer.bias)
    return np.asarray(fwht_layer(x, *arrays, len(layer.gain), layer.keep_dc, 1, 0, layer.paths, layer.soft))


def _bound_layer(x: np.ndarray, layer: Layer, dx: np.ndarray) -> np.ndarray:
    stages = int(np.log2(len(layer.thresholds) // layer.paths))
    arrays = (layer.thresholds, layer.scale, layer.gain, layer.bias)
    return fwht_layer_bounds(x, *arrays, stages, stages + 1, layer.keep_dc, layer.paths, layer.soft, dx)


def _run_filter(x: np.ndarray, depthwise: Filter) -> np.ndarray:
    """Without the activation."""
    if depthwise.operator:
        arrays = (depthwise.weight, depthwise.gain, depthwise.bias)
        return np.asarray(mf_depthwise_conv(x, *arrays, depthwise.stride, 1, depthwise.operator))
    gain, bias = (each.astype(np.float64)[:, None, None] for each in (depthwise.gain, depthwise.bias))
    return np.asarray(gain * _sum_windows(x, depthwise.weight.astype(np.float64), depthwise.stride) + bias)


def _sum_windows(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """The depthwise convolution itself, zeros around the image."""
    height, width = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    total = np.zeros(x.shape)
    for row in range(3):
        for column in range(3):
            total += weight[:, 0, row, column, None, None] * padded[:, :, row : row + height, column : column + width]
    return total[:, :, ::stride, ::stride]
