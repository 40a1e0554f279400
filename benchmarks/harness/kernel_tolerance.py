"""How far a kernel's output may lie from `export.ops.reference`: ||out - ref|| against a bound from the format.

With u = 2^-24 (float32 arithmetic), L = log2 n. A butterfly stage, scaled by 1 / sqrt(2), keeps norms and rounds every
value once, so a transform of L stages and one scaling errs by at most (L + 2) u ||x||, however its stages are split:

    ||du|| <= (L + 2) u ||x||
    ||dv|| <= max(slope) ||du|| + u ||TANH r + (|s| + |T|) |tanh s| + 4 |v| ||       r = max(|s| - T, 0)
    ||dz|| <= ||dv|| + (L + 3) u ||v||                                   truncating and means do not enlarge a norm
    ||dY|| <= max|gain| ||dz|| + 3 u (||gain y|| + ||bias|| + ||R||)     nor do activations

where slope = |scale| (|tanh s| + r / cosh(s)^2) is the threshold function's. The soft one has the slope |scale|, sgn s
for tanh s, no TANH, and where T < 0 a jump of 2 |T| within rounding of s = 0, whose norm is added. Of P paths slopes
and errors add up, and their sum rounds P - 1 times, (P - 1) u sum |v_p|. TANH u is the absolute error of a tanh
made of exponentials. float16 adds half a unit in the last place of Y, 2^-11, with its absolute limit 2^-25 near zero,
and 2^-10.987 relative for tanh.approx, which float16 may use. With blocks the norms are those of all windows, and
a mean of p values, each added once, errs by another p u |z| / p, whose norm is at most sqrt(p) u ||v||. All of it to
first order: SECOND covers the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.harness.node_models import LayerCase, Weights
from benchmarks.harness.plane_models import PlaneCase
from benchmarks.harness.tensor_layout import FLOAT16, FLOAT32
from export.ops.float32_bounds import mf_depthwise_conv_bounds
from export.ops.hadamard import hadamard
from export.ops.reference import activate, mf_depthwise_conv
from export.ops.windows import list_window_starts

U = 2.0**-24
HALF = 2.0**-11
HALF_ABSOLUTE = 2.0**-25
TANH = 8
TANH_APPROX = 2.0**-10.987
SECOND = 1.01


@dataclass(frozen=True)
class Error:
    """Of one output: its distance from the reference, and what is allowed, both over the norm of the reference."""

    relative: float
    allowed: float

    @property
    def share(self) -> float:
        """Of the tolerance; above 1 the output is wrong, and NaN is never right."""
        return self.relative / self.allowed

    def __str__(self) -> str:
        return f"error {self.relative:.2e}, {self.share:.0%} of the tolerance {self.allowed:.2e}"


def norm(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(np.abs(values.astype(np.float64))).sum()))


def measure_error(y: np.ndarray, reference: np.ndarray, allowed: float) -> Error:
    size = max(norm(reference), np.finfo(np.float64).tiny)
    return Error(norm(y.astype(np.float64) - reference) / size, allowed / size)


def bound_output_rounding(reference: np.ndarray, kind: int) -> float:
    if kind == FLOAT32:
        return 0.0
    return HALF * norm(reference) + HALF_ABSOLUTE * float(np.sqrt(reference.size))


def compute_fwht_layer_reference(
    layer: LayerCase, weights: Weights, x: np.ndarray, residual: np.ndarray | None
) -> np.ndarray:
    """Y in float64, the residual added before the activation."""
    if residual is None:
        return layer.compute_reference(x, weights)
    linear = LayerCase(**{**vars(layer), "activation": 0}).compute_reference(x, weights)
    return activate(linear + residual.astype(np.float64), layer.activation)


def measure_fwht_layer_error(
    layer: LayerCase, weights: Weights, x: np.ndarray, y: np.ndarray, kind: int, residual: np.ndarray | None = None
) -> Error:
    """x and residual as the kernel got them (float16 values where it is float16), y what it made of them."""
    reference = compute_fwht_layer_reference(layer, weights, x, residual)
    allowed = SECOND * _bound_float32_error(layer, weights, x, residual, kind) + bound_output_rounding(reference, kind)
    return measure_error(y, reference, allowed)


def _bound_float32_error(
    layer: LayerCase, weights: Weights, x: np.ndarray, residual: np.ndarray | None, kind: int
) -> float:
    stages, pixels, x = np.log2(layer.n), x.shape[0] * x.shape[2] * x.shape[3], _lay_out_windows(layer, x)
    gain, bias = (weights[name].astype(np.float64) for name in ("gain", "bias"))
    h = hadamard(layer.n)[:, : x.shape[1]] / np.sqrt(layer.n)
    u = np.einsum("kc,nchw->nkhw", h, x.astype(np.float64), optimize=True)
    du = (stages + 2) * U * np.abs(x.astype(np.float64)).sum(axis=1, keepdims=True) / np.sqrt(layer.n)
    slope, v, local, jump = _sum_paths(layer, weights, u, du)
    if layer.keep_dc:
        slope[:, 0], v[:, 0], local[:, 0], jump[:, 0] = 1, np.abs(u[:, 0]), 0, 0
    dv = float(slope.max()) * (stages + 2) * U * norm(x) + U * norm(local) + norm(jump)
    if kind == FLOAT16 and not layer.soft:
        dv += TANH_APPROX * norm(v)
    largest = float(np.abs(gain).max())
    dz = dv + (stages + 3 + (np.sqrt(layer.pool) if layer.block else 0)) * U * norm(v)
    end = largest * norm(v) + np.sqrt(pixels) * norm(bias) + (0.0 if residual is None else norm(residual))
    return float(largest * dz + 3 * U * end)


def _lay_out_windows(layer: LayerCase, x: np.ndarray) -> np.ndarray:
    """The windows of a layer with blocks as images of their own."""
    if not layer.block:
        return x
    starts = list_window_starts(layer.in_channels, layer.out_channels, layer.block)
    return np.concatenate([x[:, start : start + layer.block] for start in starts])


def _sum_paths(layer: LayerCase, weights: Weights, u: np.ndarray, du: np.ndarray) -> tuple[np.ndarray, ...]:
    """Slope, |v|, local rounding in units of u, and jump for each coefficient, added up over the paths."""
    slope, v, local, jump = (np.zeros_like(u) for _ in range(4))
    paths = (weights[name].astype(np.float64).reshape(layer.paths, layer.n, 1, 1) for name in ("thresholds", "scale"))
    for limits, scale in zip(*paths):
        s, ds = np.abs(scale * u), np.abs(scale) * du
        r = np.maximum(s - limits, 0)
        if layer.soft:
            bent, curve, rounding = (s > 0).astype(np.float64), 1.0, 0.0
            jump += np.where((s <= ds) & (ds > 0), 2 * np.maximum(-limits, 0), 0)
        else:
            bent, rounding = np.tanh(s), TANH * r
            curve = bent + r / np.cosh(np.minimum(s, 300)) ** 2
        slope += np.abs(scale) * curve
        v += bent * r
        local += rounding + (s + np.abs(limits)) * bent + 4 * bent * r
    return slope, v, local + (layer.paths - 1) * v, jump


def measure_fwht_2d_error(case: PlaneCase, weights: Weights, x: np.ndarray, y: np.ndarray, kind: int) -> Error:
    """Of FWHT2D: what its contract allows."""
    reference = case.compute_reference(x, weights)
    stages = 4 * np.log2(case.n)
    relative = HALF if kind == FLOAT16 else U * (stages + 15 + case.paths)
    return measure_error(y, reference, relative * norm(reference))


def measure_mf_depthwise_conv_error(
    x: np.ndarray, weights: Weights, y: np.ndarray, kind: int, stride: int, padding: int, op: int, activation: int
) -> Error:
    """Of MFDepthwiseConv; weights: weight, gain, bias."""
    arguments = (x, weights["weight"], weights["gain"], weights["bias"], stride, padding)
    reference = mf_depthwise_conv(*arguments, operator=op, activation=activation)
    allowed = norm(mf_depthwise_conv_bounds(*arguments)) + bound_output_rounding(reference, kind)
    return measure_error(y, reference, allowed)
