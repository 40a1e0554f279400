"""Sessions of ONNX Runtime with the library named by the argument, for sanitizers: layers of many shapes on several
threads, the shipped models with their bottlenecks fused and not, and calls that must be refused. Prints "all right"."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.harness.node_models import LayerCase, make_fwht_layer_model
from server.backends.bottlenecks import fuse_bottlenecks

CASES = (  # layer, height, width, batch
    (LayerCase(96, 200, 256, activation=6), 4, 4, 3),
    (LayerCase(96, 200, 256, paths=3, soft=1), 33, 31, 1),
    (LayerCase(5, 7, 8, soft=1), 1, 1, 2),
    (LayerCase(320, 1280, 2048, activation=6), 4, 4, 2),
    (LayerCase(60, 20, 64, pool=3), 7, 7, 2),
    (LayerCase(300, 20, 512, keep_dc=0), 24, 24, 1),
    (LayerCase(24, 144, 16, block=16), 7, 7, 2),
    (LayerCase(960, 160, 32, pool=6, paths=2, block=32), 4, 5, 3),
)
MODELS = ("fwht_mobilenet_v2", "fwht_mf_mobilenet_v2")
THREADS = 3


def open_session(model: bytes, library: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 4
    options.register_custom_ops_library(library)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_layers(library: str, generator: np.random.Generator) -> None:
    for case, height, width, batch in CASES:
        model = make_fwht_layer_model(case, case.draw_weights(generator), height, width)
        session = open_session(model.SerializeToString(), library)
        x = generator.normal(0, 1, (batch, case.in_channels, height, width)).astype(np.float32)
        first, again = (session.run(None, {"x": x})[0] for _ in range(2))
        assert np.isfinite(first).all() and first.tobytes() == again.tobytes(), case


def run_models(library: str, generator: np.random.Generator) -> None:
    for name in MODELS:
        path = Path(f"models/{name}.onnx")
        fused = fuse_bottlenecks(path)
        assert fused is not None, name
        plain, session = (open_session(content, library) for content in (path.read_bytes(), fused.content))
        for batch in (1, 5):
            x = generator.normal(0, 1, (batch, 3, 32, 32)).astype(np.float32)
            expected, found = (each.run(None, {"image": x})[0] for each in (plain, session))
            assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max(), name


def refuse_layers(library: str, generator: np.random.Generator) -> None:
    """Attributes outside the contract and weights of the wrong length."""
    case = LayerCase(12, 20, 32)
    for name, value in (("pool", 0), ("keep_dc", 7), ("activation", 3), ("out_channels", 4096)):
        model = make_fwht_layer_model(case, case.draw_weights(generator), 4, 4)
        attribute = next(each for each in model.graph.node[0].attribute if each.name == name)
        attribute.i = value
        expect_refusal(model.SerializeToString(), library, name)
    weights = case.draw_weights(generator)
    weights["thresholds"] = weights["thresholds"][:7]
    expect_refusal(make_fwht_layer_model(case, weights, 4, 4).SerializeToString(), library, "thresholds")


def expect_refusal(model: bytes, library: str, what: str) -> None:
    try:
        open_session(model, library).run(None, {"x": np.zeros((1, 12, 4, 4), np.float32)})
    except Exception as error:  # ONNX Runtime has a class per kind of failure
        assert "FWHTLayer" in str(error), error
    else:
        raise AssertionError(f"{what} was not refused")


if __name__ == "__main__":
    for run in (run_layers, run_models, refuse_layers):
        run(sys.argv[1], np.random.default_rng(0))
    print("all right")
