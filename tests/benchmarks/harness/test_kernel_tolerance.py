"""The bound that the GPU's outputs must keep: float32 arithmetic keeps it, TF32 or a coarse tanh does not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.harness.kernel_run import Format
from benchmarks.harness.kernel_tolerance import measure_fwht_layer_error
from benchmarks.harness.node_models import LayerCase, Weights
from benchmarks.harness.tensor_layout import FLOAT16, FLOAT32, HWC8, NCHW, pack, unpack

LAYER = LayerCase(900, 1000, 1024, activation=6)


def transform(x: np.ndarray) -> np.ndarray:
    """H_n x / sqrt(n) along axis 1, by butterflies in x's own type."""
    n, half = x.shape[1], 1
    while half < n:
        pairs = x.reshape(len(x), n // (2 * half), 2, half)
        x = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], 2).reshape(len(x), n)
        half *= 2
    return np.asarray(x * x.dtype.type(n**-0.5))


def emulated(weights: Weights, x: np.ndarray, tanh: np.ufunc = np.tanh) -> np.ndarray:
    """LAYER as a float32 kernel does it; x is (pixels, C)."""
    padded = np.zeros((len(x), LAYER.n), np.float32)
    padded[:, : x.shape[1]] = x
    u = transform(padded)
    s = weights["scale"] * u
    v = np.asarray(tanh(s) * np.maximum(np.abs(s) - weights["thresholds"], 0), np.float32)
    v[:, 0] = u[:, 0]
    y = weights["gain"] * transform(v)[:, : LAYER.out_channels] + weights["bias"]
    return np.asarray(np.clip(y, 0, 6))


def case(form: Format) -> tuple[Weights, np.ndarray]:
    generator = np.random.default_rng(0)
    return LAYER.draw_weights(generator), form.round(generator.normal(0, 1, (50, LAYER.in_channels)))


def share(weights: Weights, x: np.ndarray, y: np.ndarray, kind: int) -> float:
    return measure_fwht_layer_error(LAYER, weights, x[:, :, None, None], y[:, :, None, None], kind).share


def test_float32_keeps_it_and_coarser_arithmetic_does_not() -> None:
    weights, x = case(Format(FLOAT32))
    assert share(weights, x, emulated(weights, x), FLOAT32) <= 0.5
    coarse = np.frompyfunc(lambda s: np.tanh(s) * (1 + 2.0**-11), 1, 1)
    assert share(weights, x, emulated(weights, x, coarse), FLOAT32) > 1
    tf32 = (x.view(np.uint32) & 0xFFFFE000).view(np.float32)
    assert share(weights, x, emulated(weights, tf32), FLOAT32) > 1
    assert not share(weights, x, np.full((50, LAYER.out_channels), np.nan), FLOAT32) <= 1


def test_float16_rounds_its_output_and_may_use_the_hardware_tanh() -> None:
    weights, x = case(Format(FLOAT16))
    coarse = np.frompyfunc(lambda s: np.tanh(s) * (1 + 2.0**-11), 1, 1)
    assert share(weights, x, emulated(weights, x.astype(np.float32), coarse).astype(np.float16), FLOAT16) <= 1
    eight_bits = emulated(weights, x.astype(np.float32)).astype(np.float32).view(np.uint32) & 0xFFFF0000
    assert share(weights, x, eight_bits.view(np.float32), FLOAT16) > 1


@pytest.mark.parametrize("layout", [NCHW, HWC8])
def test_layouts(layout: int) -> None:
    """Value (n, c, h, w) of HWC8 lies at ((n H + h) W + w) 16 + c, of 11 channels filled up to 16."""
    x = np.arange(2 * 11 * 3 * 4).reshape(2, 11, 3, 4)
    memory = pack(x, FLOAT16, layout)
    values, fill = unpack(memory.reshape(-1).view(np.uint8), x.shape, FLOAT16, layout)
    np.testing.assert_array_equal(values, x)
    if layout == HWC8:
        assert memory.reshape(-1)[((1 * 3 + 2) * 4 + 1) * 16 + 7] == x[1, 7, 2, 1]
        assert np.isnan(fill).all() and fill.shape == (2, 3, 4, 5)
