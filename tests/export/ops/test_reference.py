"""The float64 reference of several paths and of the soft threshold, by hand and by what they must agree with."""

from __future__ import annotations

import numpy as np
import pytest

from export.ops.float32_bounds import fwht_layer_bounds
from export.ops.hadamard import hadamard
from export.ops.reference import fwht_layer

ONES, ZEROS = np.ones(4), np.zeros(4)


def layer(x: list[float], thresholds: list[float], scale: list[float], **options: int) -> list[float]:
    """Of four channels and one pixel."""
    y = fwht_layer(np.reshape(x, (1, 4, 1, 1)), np.array(thresholds), np.array(scale), ONES, ZEROS, 4, **options)
    values: list[float] = y.ravel().tolist()
    return values


def test_a_soft_path_by_hand() -> None:
    """u = (1, 0, -2, 3): DC passes, 0 stays 0 in spite of its threshold, -2 becomes -1.5, 3 is scaled and cut."""
    u = np.array([1.0, 0.0, -2.0, 3.0])
    h = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    v = np.array([1.0, 0.0, -1.5, 2.0])
    y = layer((h @ u).tolist(), [9.0, -1.0, 0.5, 4.0], [5.0, 1.0, 1.0, 2.0], soft=1)
    assert y == pytest.approx((h @ v).tolist(), abs=1e-15)


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("keep_dc", [0, 1])
def test_paths_add_up_and_dc_passes_once(soft: int, keep_dc: int) -> None:
    """Before the way back, which is linear: so the outputs add up, where u_0 is left out of all paths but one."""
    generator = np.random.default_rng(0)
    x, limits, scale = generator.normal(size=4).tolist(), generator.normal(size=(3, 4)), generator.normal(size=(3, 4))
    single = [layer(x, list(t), list(s), soft=soft, keep_dc=keep_dc) for t, s in zip(limits, scale)]
    together = layer(x, list(limits.ravel()), list(scale.ravel()), soft=soft, keep_dc=keep_dc, paths=3)
    passed = keep_dc * 2 * np.mean(x)  # u_0 / 2 at every output, from two paths too many
    assert together == pytest.approx((np.sum(single, axis=0) - passed).tolist(), abs=1e-14)


def test_thresholds_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape|power of two"):
        layer([0.0] * 4, [0.0] * 8, [1.0] * 8, paths=3)


@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", [1, 3, 8])
def test_float32_in_numpy_stays_within_the_bound(paths: int, soft: int) -> None:
    """A dense product has n terms, which is K + b for a factor of one column. Some s lie within rounding of 0."""
    generator = np.random.default_rng(paths)
    x = generator.normal(size=(2, 64, 3, 3)).astype(np.float32)
    x[0, :, 0, 0] = np.tile([0.1, 0.7], 32)  # nearly all coefficients cancel
    thresholds, scale = (generator.normal(m, 0.3, paths * 64).astype(np.float32) for m in (0, 1))
    gain, bias = (generator.normal(size=64).astype(np.float32) for _ in range(2))
    options = {"keep_dc": 1, "paths": paths, "soft": soft}
    wanted = fwht_layer(x, thresholds, scale, gain, bias, 64, **options)
    bound = fwht_layer_bounds(x, thresholds, scale, gain, bias, 65, 65, **options)
    share = np.abs(_in_float32(x, thresholds, scale, gain, bias, paths, soft) - wanted) / bound
    assert 0.001 < share.max() <= 1


def _in_float32(
    x: np.ndarray,
    thresholds: np.ndarray,
    scale: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    paths: int,
    soft: int,
) -> np.ndarray:
    h = (hadamard(64) / 8).astype(np.float32)
    u = np.einsum("kc,nchw->nkhw", h, x)
    s = scale.reshape(paths, 64, 1, 1) * u[:, None]
    v = ((np.sign(s) if soft else np.tanh(s)) * np.maximum(np.abs(s) - thresholds.reshape(paths, 64, 1, 1), 0)).sum(1)
    v[:, 0] = u[:, 0]
    assert v.dtype == np.float32
    return np.asarray(gain[:, None, None] * np.einsum("kc,nchw->nkhw", h, v) + bias[:, None, None])
