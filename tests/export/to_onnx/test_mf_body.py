"""MFDepthwiseConv's function body in ONNX Runtime and in onnx's reference evaluator, against the float64 reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.harness.node_models import make_model
from export.ops.float32_bounds import mf_depthwise_conv_bounds
from export.ops.reference import mf_depthwise_conv
from export.to_onnx.mf_body import make_mf_depthwise_conv_function, make_mf_depthwise_conv_node
from tests.export.to_onnx.test_function_body import assert_close, evaluate, run

CHANNELS = 6
Weights = dict[str, np.ndarray]


def check(y: np.ndarray, x: np.ndarray, w: Weights, stride: int, operator: int, activation: int = 0) -> None:
    arguments = w["weight"], w["gain"], w["bias"], stride, w["weight"].shape[-1] // 2
    reference = mf_depthwise_conv(x, *arguments, operator=operator, activation=activation)
    assert_close(y, reference, mf_depthwise_conv_bounds(x, *arguments))


def random_case(kernel: int, height: int = 7, width: int = 5) -> tuple[np.ndarray, Weights]:
    """An image and weights in which zeros are common: sgn(0) = 0 must hold on both sides."""
    generator = np.random.default_rng(kernel)
    x, weight = (
        generator.normal(0, 1, (3, CHANNELS, height, width)),
        generator.normal(0, 1, (CHANNELS, 1, kernel, kernel)),
    )
    x[generator.random(x.shape) < 0.3] = 0
    weight[generator.random(weight.shape) < 0.3] = 0
    gain, bias = generator.normal(1, 0.5, CHANNELS), generator.normal(0, 1, CHANNELS)
    weights = {"weight": weight, "gain": gain, "bias": bias}
    return x.astype(np.float32), {name: values.astype(np.float32) for name, values in weights.items()}


def one_node(operator: int, kernel: int, stride: int, activation: int, operators: set[int]) -> onnx.ModelProto:
    _, weights = random_case(kernel)
    node = make_mf_depthwise_conv_node(
        "depthwise",
        ["x", *weights],
        "y",
        channels=CHANNELS,
        operator=operator,
        stride=stride,
        padding=kernel // 2,
        activation=activation,
    )
    size = ((7 - 1) // stride + 1, (5 - 1) // stride + 1)
    function = make_mf_depthwise_conv_function(operators)
    return make_model([node], weights, (CHANNELS, 7, 5), (CHANNELS, *size), [function])


@pytest.mark.parametrize("operators", [{1}, {2, 3}, {1, 2, 3}])
@pytest.mark.parametrize("operator", [1, 2, 3])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("activation", [0, 6])
def test_operators(operator: int, kernel: int, stride: int, activation: int, operators: set[int]) -> None:
    proto = one_node(operator, kernel, stride, activation, operators | {operator})
    x, w = random_case(kernel)
    check(run(proto, x), x, w, stride, operator, activation)
    check(evaluate(proto, x), x, w, stride, operator, activation)


def test_operators_mix_in_one_model() -> None:
    x, w = random_case(3)
    nodes = [
        make_mf_depthwise_conv_node(f"{k}", [a, *w], b, channels=CHANNELS, operator=k)
        for k, a, b in ((1, "x", "1"), (2, "1", "2"), (3, "2", "y"))
    ]
    proto = make_model(nodes, w, (CHANNELS, 7, 5), (CHANNELS, 7, 5), [make_mf_depthwise_conv_function({1, 2, 3})])
    for name in ("1", "2"):
        proto.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    y, first, second = session.run(None, {"x": x})
    for operator, given, got in ((1, x, first), (2, first, second), (3, second, y)):
        check(got, given, w, 1, operator)


@pytest.mark.parametrize("operators, arithmetic", [({1}, 5), ({3}, 8), ({1, 3}, 13)])
def test_all_that_can_fold_folds(operators: set[int], arithmetic: int, tmp_path: Path) -> None:
    """Operator 1 alone is Sign, two convolutions, Add and Clip; 2 or 3 are three convolutions and five ops between."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    proto = one_node(3 if 3 in operators else 1, 3, 1, 6, operators)
    onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ops = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert len(ops) == arithmetic, ops


@pytest.mark.parametrize("operators", [set(), {0}, {1, 4}])
def test_unknown_operators_have_no_body(operators: set[int]) -> None:
    with pytest.raises(ValueError, match="1, 2 and 3"):
        make_mf_depthwise_conv_function(operators)


@pytest.mark.parametrize(
    "options, word", [({"operator": 4}, "operator is 4"), ({"operator": 1, "activation": 3}, "activation is 3")]
)
def test_a_node_that_breaks_the_rules_is_refused(options: dict[str, int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make_mf_depthwise_conv_node("blocks.1", ["x", "w", "g", "b"], "y", channels=4, **options)
