"""A small row of the node benchmark, and the check that stands before every row."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.harness.node_models import LayerCase
from benchmarks.kernels.fwht_node import check, measure_layer

LAYER = LayerCase(12, 20, 32, activation=6)


def test_a_row_holds_checked_times() -> None:
    result = measure_layer("small", LAYER, pixels=3, batch=2, rounds=1, seconds=0)
    assert 0 < result["tolerance_share"] <= 1
    assert set(result["times"]) == {"convolution", "fwht_layer"} and result["speedup"] > 0


def test_a_wrong_layer_is_not_timed() -> None:
    generator = np.random.default_rng(0)
    weights = LAYER.draw_weights(generator)
    x = generator.normal(0, 1, (2, 12, 3, 3)).astype(np.float32)
    y = LAYER.compute_reference(x, weights).astype(np.float32)
    assert check(LAYER, weights, x, y) <= 1
    with pytest.raises(SystemExit, match="nothing was timed"):
        check(LAYER, weights, x, y + np.float32(1e-3))
