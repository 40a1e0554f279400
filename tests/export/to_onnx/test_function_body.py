"""FWHTLayer's function body in ONNX Runtime and in onnx's reference evaluator, against the float64 reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from benchmarks.harness.node_models import LayerCase, make_fwht_layer_model, make_model
from export.to_onnx.function_text import parse_function_text
from export.to_onnx.fwht_function import make_fwht_layer_function
from export.to_onnx.fwht_node import make_fwht_layer_node

SIZES = [(24, 96, 128), (96, 24, 128), (96, 576, 1024), (576, 96, 1024), (160, 960, 1024), (960, 160, 1024)]
ODD_SIZES = [(3, 5, 8), (3, 24, 32), (999, 7, 1024), (7, 999, 1024), (960, 3, 4096), (320, 1280, 2048)]


def run(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def evaluate(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    results: Any = ReferenceEvaluator(proto).run(None, {"x": x})
    return np.asarray(results[0])


def assert_close(y: np.ndarray, reference: np.ndarray, tolerance: np.ndarray) -> None:
    """Within the tolerance everywhere; prints how much of it was used."""
    assert y.shape == reference.shape and y.dtype == np.float32
    share = (np.abs(y - reference) / np.broadcast_to(tolerance, y.shape)).max()
    print(f"largest error {np.abs(y - reference).max():.1e}, share of the tolerance used {share:.1%}")
    assert share <= 1


def check(layer: LayerCase, batch: int, height: int, width: int, evaluator: bool = False) -> None:
    generator = np.random.default_rng(layer.n + layer.in_channels)
    weights = layer.draw_weights(generator)
    x = generator.normal(0.3, 1.5, (batch, layer.in_channels, height, width)).astype(np.float32)
    proto = make_fwht_layer_model(layer, weights, height, width)
    y = (evaluate if evaluator else run)(proto, x)
    assert_close(y, layer.compute_reference(x, weights), layer.compute_tolerance(x, weights))


@pytest.mark.parametrize("sizes", SIZES + ODD_SIZES)
@pytest.mark.parametrize("batch, height, width", [(1, 3, 5), (10, 1, 1)])
def test_widths_batches_and_odd_images(sizes: tuple[int, int, int], batch: int, height: int, width: int) -> None:
    check(LayerCase(*sizes), batch, height, width)


@pytest.mark.parametrize("n", [2**k for k in range(1, 13)])
def test_every_number_of_coefficients(n: int) -> None:
    check(LayerCase(n, max(n // 2, 1), n, activation=1), 2, 2, 1)
    check(LayerCase(max(n // 4, 1), n, n), 1, 1, 3)


@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("activation", [0, 1, 6])
def test_dc_and_activations(keep_dc: int, activation: int) -> None:
    check(LayerCase(24, 40, 64, keep_dc=keep_dc, activation=activation), 3, 7, 2)


@pytest.mark.parametrize("sizes, pool", [((24, 12, 32), 2), ((25, 8, 32), 3), ((960, 160, 1024), 6), ((7, 1, 8), 7)])
@pytest.mark.parametrize("keep_dc", [0, 1])
def test_pooling(sizes: tuple[int, int, int], pool: int, keep_dc: int) -> None:
    check(LayerCase(*sizes, keep_dc=keep_dc, pool=pool), 2, 3, 3)


@pytest.mark.parametrize("keep_dc", [0, 1])
@pytest.mark.parametrize("soft", [0, 1])
@pytest.mark.parametrize("paths", [1, 3, 8])
def test_paths_and_soft(paths: int, soft: int, keep_dc: int) -> None:
    """Pooled, cut at both ends, full width; odd widths; the smallest and the largest."""
    kind = {"keep_dc": keep_dc, "paths": paths, "soft": soft}
    check(LayerCase(96, 576, 1024, activation=6, **kind), 2, 3, 2)
    check(LayerCase(25, 8, 32, pool=3, **kind), 1, 1, 2)
    check(LayerCase(7, 999, 1024, **kind), 3, 1, 1)
    check(LayerCase(2, 1, 2, **kind), 1, 3, 1)
    check(LayerCase(4096, 960, 4096, pool=4, **kind), 1, 1, 1)


# Windows that overlap, do not, and are the whole; pools that divide a block, reach across blocks and hold several;
# all channels, or cut.
BLOCKS = [
    LayerCase(24, 144, 16, block=16),
    LayerCase(96, 576, 64, activation=6, block=64),
    LayerCase(25, 64, 2, keep_dc=0, block=2),
    LayerCase(96, 96, 32, block=32),
    LayerCase(96, 50, 32, keep_dc=0, activation=1, block=32),
    LayerCase(64, 64, 64, block=64),
    LayerCase(96, 24, 32, keep_dc=0, pool=4, block=32),
    LayerCase(576, 96, 64, pool=6, block=64),
    LayerCase(960, 160, 32, keep_dc=0, pool=6, block=32),
    LayerCase(576, 160, 16, pool=3, block=16),
    LayerCase(64, 5, 4, pool=12, block=4),
    LayerCase(64, 256, 32, paths=3, block=32),
    LayerCase(96, 30, 32, soft=1, pool=3, block=32),
    LayerCase(4096, 1024, 4096, pool=4, block=4096),
]


@pytest.mark.parametrize("layer", BLOCKS)
def test_blocks(layer: LayerCase) -> None:
    check(layer, 2, 3, 5)
    check(layer, 1, 1, 1)


PATHS = [LayerCase(24, 96, 128, paths=2), LayerCase(24, 40, 64, paths=3, soft=1, activation=1)]


@pytest.mark.filterwarnings("ignore:overflow")  # of 2^126 s on the way to sgn(s)
@pytest.mark.parametrize(
    "layer",
    [LayerCase(96, 576, 1024), LayerCase(48, 8, 64, keep_dc=0, pool=4, activation=6), *PATHS, BLOCKS[0], BLOCKS[-2]],
)
def test_reference_evaluator(layer: LayerCase) -> None:
    check(layer, 2, 3, 2, evaluator=True)


@pytest.mark.parametrize("layer", [LayerCase(4, 4, 4), LayerCase(4, 4, 4, paths=3), LayerCase(4, 4, 4, soft=1)])
def test_dc_is_kept_exactly_from_tiny_to_huge(layer: LayerCase) -> None:
    """With everything else cut off, the layer is the mean over channels: n times as small as the sum, at any size."""
    count = 4 * layer.paths
    weights = {
        "thresholds": np.full(count, 1e30),
        "scale": np.full(count, 3.0),
        "gain": np.ones(4),
        "bias": np.zeros(4),
    }
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    x = np.array([1e-20, 1e-3, 1.0, 1e4, 1e7], np.float32).reshape(5, 1, 1, 1).repeat(4, axis=1)
    y = run(make_fwht_layer_model(layer, weights, 1, 1), x)
    np.testing.assert_allclose(y, x, rtol=16 * 2.0**-24)


def test_a_soft_path_keeps_zero_and_jumps_below_a_negative_threshold() -> None:
    layer = LayerCase(4, 4, 4, keep_dc=0, soft=1)
    weights = {"thresholds": np.full(4, -1.0), "scale": np.ones(4), "gain": np.ones(4), "bias": np.zeros(4)}
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    x = np.zeros((3, 4, 1, 1), np.float32)
    x[1:, 0, 0, 0] = 1e-30, -1e-30  # each u is half of it, and so each v is 1 or -1
    y = run(make_fwht_layer_model(layer, weights, 1, 1), x)
    assert y[:, :, 0, 0].tolist() == [[0, 0, 0, 0], [2, 0, 0, 0], [-2, 0, 0, 0]]


MIXTURES: list[list[dict[str, int]]] = [
    [{}, {}, {}],
    [{"paths": 2}, {}, {"paths": 8}],
    [{"soft": 1}, {"paths": 3}, {}],
    [{}, {"block": 8, "n": 8}, {}],
    [{"paths": 3}, {"block": 8, "n": 8}, {"soft": 1, "block": 32, "n": 32}],
]


@pytest.mark.parametrize("kinds", MIXTURES)
def test_several_nodes_share_the_body(kinds: list[dict[str, int]]) -> None:
    """One path and several, smooth and soft, in one model."""
    layers = {
        "a": LayerCase(3, 24, 32, activation=6, **kinds[0]),
        "b": LayerCase(24, 160, **{"n": 256, "keep_dc": 0, **kinds[1]}),
        "c": LayerCase(160, 40, **{"n": 256, "pool": 4, **kinds[2]}),
    }
    generator = np.random.default_rng(7)
    weights = {name: layer.draw_weights(generator) for name, layer in layers.items()}
    nodes = [
        layers["a"].make_node("a", "x", "1"),
        layers["b"].make_node("b", "1", "2"),
        layers["c"].make_node("c", "2", "y"),
    ]
    named = {f"{layer}.{name}": values for layer, group in weights.items() for name, values in group.items()}
    proto = make_model(nodes, named, (3, 5, 3), (40, 5, 3), [make_fwht_layer_function(nodes)])
    versions = [a.s for node in proto.graph.node for a in node.attribute if a.name == "plugin_version"]
    assert versions == [b"3" if "block" in kind else b"2" if kind else b"1" for kind in kinds]
    for tensor in ("1", "2"):
        proto.graph.output.append(onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None))
    x = generator.normal(0, 1, (2, 3, 5, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    y, first, second = session.run(None, {"x": x})
    for name, given, got in (("a", x, first), ("b", first, second), ("c", second, y)):
        assert_close(
            got,
            layers[name].compute_reference(given, weights[name]),
            layers[name].compute_tolerance(given, weights[name]),
        )


@pytest.mark.parametrize(
    "layer",
    [
        LayerCase(96, 576, 1024, activation=6),
        LayerCase(3, 5, 8, pool=1),
        LayerCase(48, 4, 64, pool=6),
        LayerCase(96, 576, 1024, paths=3),
        LayerCase(24, 40, 64, paths=8, soft=1),
        LayerCase(96, 24, 32, keep_dc=0, pool=4, activation=6, block=32),
        LayerCase(24, 96, 16, block=16),
    ],
)
def test_all_that_can_fold_folds(layer: LayerCase, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3  # it warns that such a file suits this machine only
    proto = make_fwht_layer_model(layer, layer.draw_weights(np.random.default_rng(0)), 4, 4)
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ops = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    arithmetic = sorted(op for op in ops if op not in ("Reshape", "Unsqueeze", "Squeeze"))
    bent = ["BatchNormalization", "Clip"] if layer.soft else ["Tanh"]
    end = (
        ["Gather", "Slice", "BatchNormalization", "Clip"] + ["Conv", "Transpose"] * 2 if layer.block else ["FusedConv"]
    )
    assert arithmetic == sorted(["Conv"] * 3 + end + ["BatchNormalization"] * 2 + ["LeakyRelu", "Relu", "Mul"] + bent)
    assert len(ops) - len(arithmetic) == (8 if layer.block else 6)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"n": 12}, "power of two"),
        ({"n": 8192}, "4096"),
        ({"n": 4}, "holds all channels"),
        ({"n": 8, "pool": 3}, "pool 3"),
        ({"n": 8, "pool": 0}, "pool 0"),
        ({"n": 8, "activation": 2}, "activation is 2"),
        ({"n": 8, "block": 2}, "block = 2 must be the number of thresholds of a path, which is 8"),
        ({"n": 4, "block": 4}, "blocks.1: 6 input channels are no multiple of block = 4"),
        ({"n": 8, "block": 8}, "blocks.1: 6 input channels do not fill a block of 8"),
        ({"n": 2, "block": 2, "pool": 2}, "pool 2 leaves"),
    ],
)
def test_a_node_that_breaks_the_rules_is_refused(options: dict[str, int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make_fwht_layer_node("blocks.1", ["x", "t", "s", "g", "b"], "y", in_channels=6, out_channels=5, **options)


def test_names_inside_a_body_carry_a_prefix() -> None:
    text = '<domain: "d", opset_import: ["" : 13]> F (X) => (Y) { a = Relu (X) Y = Tanh (a) }'
    function = parse_function_text(text, "f_")
    assert [(list(node.input), list(node.output)) for node in function.node] == [(["X"], ["f_a"]), (["f_a"], ["Y"])]
    nodes = [LayerCase(3, 5, 8, paths=2, soft=soft).make_node("layer", "x", "y") for soft in (0, 1)]
    bodies = [make_fwht_layer_function(some) for some in ([], nodes[:1], nodes[1:], nodes)]
    inner = {name for body in bodies for node in body.node for name in node.output}
    assert all(name == "Y" or name.startswith("fwht_layer_") for name in inner)
