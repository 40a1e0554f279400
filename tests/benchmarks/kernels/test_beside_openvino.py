"""Where OpenVINO is installed a convolution runs in both engines, else the benchmark says what is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.harness.node_models import LayerCase, make_convolution_model
from benchmarks.kernels.beside_openvino import check_agreement, make_openvino_runner

LAYER = LayerCase(12, 20, 32, activation=6)


def make_convolution() -> tuple[bytes, np.ndarray]:
    generator = np.random.default_rng(0)
    weight = generator.normal(0, 0.3, (20, 12, 1, 1)).astype(np.float32)
    bias = generator.normal(0, 1, 20).astype(np.float32)
    x = generator.normal(0, 1, (2, 12, 3, 3)).astype(np.float32)
    return make_convolution_model(LAYER, weight, bias, 3, 3).SerializeToString(), x


def test_both_engines_agree_or_what_is_missing_is_said() -> None:
    model, x = make_convolution()
    if find_spec("openvino") is None:
        with pytest.raises(SystemExit, match="pip install openvino"):
            check_agreement("small", model, "x", x)
        return
    check_agreement("small", model, "x", x)
    assert make_openvino_runner(model, x, 1)().shape == (2, 20, 3, 3)


def test_without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    model, x = make_convolution()
    with pytest.raises(SystemExit, match="pip install openvino"):
        make_openvino_runner(model, x, 1)
