"""Single nodes on the library of CPU kernels in ONNX Runtime: attributes, shapes, and what is said of wrong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, Mapping

import numpy as np
import pytest
from onnx import TensorProto, helper

from export.ops.contract import read_contract
from export.ops.fwht_2d_reference import fwht_2d
from export.to_onnx.function_text import DOMAIN, IR_VERSION, OPSET
from tests.plugins.mf_case import Case
from tests.plugins.native import build_library
from tests.plugins.native_sessions import make_session


def make_node_model(op: str, shapes: Mapping[str, list[Any] | None], attributes: dict[str, Any]) -> bytes:
    """A model of one node without a function body, all of whose inputs are inputs of the graph."""
    node = helper.make_node(op, list(shapes), ["y"], name="layer", domain=DOMAIN, **attributes)
    graph = helper.make_graph(
        [node],
        "node",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    return bytes(helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION).SerializeToString())


MF_SHAPES = {"X": [2, 5, 6, 6], "W": [5, 1, 3, 3], "gain": [5], "bias": [5]}
BOTTLENECK = {"hidden_channels": 6, "out_channels": 7}
BOTTLENECK_SHAPES = {
    "X": [2, 5, 3, 4],
    **{f"expand_{name}": [size] for name, size in (("thresholds", 8), ("scale", 8), ("gain", 6), ("bias", 6))},
    **{"W": [6, 1, 3, 3], "gain": [6], "bias": [6]},
    **{f"project_{name}": [size] for name, size in (("thresholds", 8), ("scale", 8), ("gain", 7), ("bias", 7))},
}
PLANE_SHAPES = {"X": [2, 5, 7, 8], "thresholds": [64], "scale": [64], "gain": [5], "bias": [5]}
FWHT_SHAPES = {"X": [2, 5, 3, 4], "thresholds": [8], "scale": [8], "gain": [7], "bias": [7]}


def run_node(op: str, shapes: dict[str, list[int]], attributes: dict[str, Any]) -> np.ndarray:
    """Ranks and sizes are not known to the graph, so that the kernel itself must look."""
    session = make_session(make_node_model(op, dict.fromkeys(shapes), attributes))
    feeds = dict(zip(shapes, draw_inputs(shapes, np.random.default_rng(0))))
    return np.asarray(session.run(None, feeds)[0])


def draw_inputs(shapes: Mapping[str, list[int]], generator: np.random.Generator) -> list[np.ndarray]:
    return [generator.normal(0, 1, shape).astype(np.float32) for shape in shapes.values()]


def test_a_residual_is_added_before_the_activation() -> None:
    shapes = {**FWHT_SHAPES, "R": [2, 7, 3, 4]}
    attributes = {"out_channels": 7, "activation": 1}
    y = run_node("FWHTLayerAdd", shapes, attributes)
    plain = run_node("FWHTLayer", FWHT_SHAPES, {"out_channels": 7})
    residual = draw_inputs(shapes, np.random.default_rng(0))[-1]
    assert np.abs(y - np.maximum(plain + residual, 0)).max() < 1e-5


@pytest.mark.parametrize("shape", [[0, 5, 3, 4], [2, 5, 0, 4]])
def test_nothing_gives_nothing(shape: list[int]) -> None:
    assert run_node("FWHTLayer", {**FWHT_SHAPES, "X": shape}, {"out_channels": 7}).shape == (shape[0], 7, *shape[2:])


@pytest.mark.parametrize(
    ("shapes", "attributes", "words"),
    [
        ({"X": [2, 5, 3]}, {}, "X has 3 dimensions, it must have 4"),
        ({"X": [2, 9, 3, 4]}, {}, "X must have from 1 to n channels"),
        ({"X": [2, 0, 3, 4]}, {}, "X must have from 1 to n channels"),
        ({"thresholds": [6], "scale": [6]}, {}, "power of two"),
        ({"thresholds": [1], "scale": [1]}, {}, "power of two"),
        ({"thresholds": [8192], "scale": [8192]}, {}, "power of two"),
        ({"thresholds": [0], "scale": [0]}, {}, "power of two"),
        ({"thresholds": [8, 1]}, {}, "thresholds has 2 dimensions, it must have 1"),
        ({"scale": [7]}, {}, "dimension 0 of scale is 7, it must be 8"),
        ({"gain": [1]}, {}, "dimension 0 of gain is 1, it must be 7, out_channels"),
        ({"bias": [8]}, {}, "dimension 0 of bias is 8, it must be 7, out_channels"),
        ({}, {"paths": 3}, "8 thresholds; it must be the same number for each of 3 paths"),
        ({}, {"paths": 8}, "power of two"),
        ({"gain": [9], "bias": [9]}, {"out_channels": 9}, "out_channels must be from 1 to n"),
        ({}, {"pool": 2}, "pool"),
        ({}, {"block": 4}, "block must be 0 or n"),
        ({}, {"block": 8}, "with blocks X must have from `block` to 65536 channels"),
        ({"X": [2, 65544, 1, 1]}, {"block": 8}, "from `block` to 65536 channels"),
        ({"X": [2, 9, 1, 1]}, {"block": 8}, "X must have a multiple of `block` channels"),
        ({"X": [2, 7, 1, 1], "thresholds": [4], "scale": [4]}, {"block": 4}, "X must have a multiple of `block`"),
        ({"thresholds": [4], "scale": [4]}, {"block": 4}, "out_channels must be a multiple of block"),
        ({"X": [2, 8, 1, 1]}, {"block": 8, "pool": 2}, "pool"),
    ],
)
def test_wrong_shapes_are_answered_with_a_sentence(
    shapes: dict[str, list[int]], attributes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match="FWHTLayer: ") as refusal:
        run_node("FWHTLayer", {**FWHT_SHAPES, **shapes}, {"out_channels": 7, **attributes})
    assert words in str(refusal.value)


@pytest.mark.parametrize("shape", [[2, 7, 3], [1, 7, 3, 4], [2, 6, 3, 4], [2, 7, 4, 3]])
def test_a_wrong_residual_is_answered_with_a_sentence(shape: list[int]) -> None:
    with pytest.raises(Exception, match="FWHTLayerAdd: .*R.* must "):
        run_node("FWHTLayerAdd", {**FWHT_SHAPES, "R": shape}, {"out_channels": 7})


def wrong_values(term: dict[str, Any]) -> list[Any]:
    """Values outside a contract's attribute, and values of other types."""
    if term["type"] == "ints":
        right = term["default"]
        outside = [[value, *right[1:]] for value in (term["min"] - 1, term["max"] + 1)]
        return [*outside, right[1:], [*right, right[0]], right[0], 1.5, "text"]
    numbers = [-1, 2, 7] if "values" in term else [term["min"] - 1, term["max"] + 1]
    return [*(n for n in numbers if n not in term.get("values", ())), 2**40, 1.5, "1", [1, 1]]


@pytest.mark.parametrize(
    ("op", "name", "value"),
    [
        (op, term["name"], value)
        for op in ("fwht_layer", "mf_depthwise_conv", "fwht_bottleneck", "fwht_2d")
        for term in read_contract(op)["attributes"]
        for value in wrong_values(term)
    ],
)
def test_attributes_outside_the_contract_are_refused_when_the_model_is_opened(op: str, name: str, value: Any) -> None:
    shapes, attributes = {
        "fwht_layer": (FWHT_SHAPES, {"out_channels": 7}),
        "mf_depthwise_conv": (MF_SHAPES, {"group": 5}),
        "fwht_bottleneck": (BOTTLENECK_SHAPES, BOTTLENECK),
        "fwht_2d": (PLANE_SHAPES, {}),
    }[op]
    op_type = read_contract(op)["name"]
    with pytest.raises(Exception, match=f"{op_type}: attribute {name} "):
        make_session(make_node_model(op_type, shapes, {**attributes, name: value}))


@pytest.mark.parametrize(
    ("shapes", "attributes", "words"),
    [
        ({"X": [2, 5, 3]}, {}, "X has 3 dimensions, it must have 4"),
        ({"X": [2, 4, 6, 6]}, {}, "dimension 1 of X is 4, it must be 5, group"),
        ({"X": [2, 5, 0, 6]}, {}, "dimension 2 of X is 0; it must be from 1"),
        ({"X": [2, 5, 1, 6]}, {}, "must hold a window of 3x3"),
        ({"W": [5, 1, 4, 4]}, {}, "W is 4x4; it must be 3x3 or 5x5"),
        ({"W": [5, 1, 3, 5]}, {}, "dimension 3 of W is 5, it must be 3"),
        ({"W": [5, 2, 3, 3]}, {}, "dimension 1 of W is 2, it must be 1"),
        ({"W": [4, 1, 3, 3]}, {}, "dimension 0 of W is 4, it must be 5, group"),
        ({"gain": [4]}, {}, "dimension 0 of gain is 4, it must be 5, group"),
        ({"bias": [5, 1]}, {}, "bias has 2 dimensions, it must have 1"),
        ({}, {"pads": [1, 1, 3, 1]}, "a pad is 3; with 3x3 windows it can be at most 2"),
    ],
)
def test_wrong_shapes_of_the_depthwise_convolution(
    shapes: dict[str, list[int]], attributes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception, match="MFDepthwiseConv: ") as refusal:
        run_node("MFDepthwiseConv", {**MF_SHAPES, **shapes}, {"group": 5, **attributes})
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("shapes", "attributes", "words"),
    [
        ({"X": [2, 5, 3]}, {}, "X has 3 dimensions, it must have 4"),
        ({"X": [2, 9, 3, 4]}, {}, "expand: FWHTLayer: X must have from 1 to n channels"),
        ({"X": [2, 5, 0, 4]}, {}, "H and W must be at least 1"),
        ({"W": [6, 1, 5, 5]}, {}, "dimension 2 of W is 5, it must be 3"),
        ({"W": [7, 1, 3, 3]}, {}, "dimension 0 of W is 7, it must be 6, hidden_channels"),
        ({"gain": [7]}, {}, "dimension 0 of gain is 7, it must be 6"),
        ({"project_scale": [7]}, {}, "dimension 0 of project_scale is 7, it must be 8"),
        ({"project_bias": [6]}, {}, "dimension 0 of project_bias is 6, it must be 7"),
        ({"expand_thresholds": [0], "expand_scale": [0]}, {}, "power of two"),
        ({}, {"expand_paths": 3}, "8 values of expand_thresholds; it must be the same number for each of 3 paths"),
        ({}, {"residual": 1}, "a residual needs stride 1 and as many channels of output as of X"),
    ],
)
def test_wrong_shapes_of_a_bottleneck(shapes: dict[str, list[int]], attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match="FWHTBottleneck: ") as refusal:
        run_node("FWHTBottleneck", {**BOTTLENECK_SHAPES, **shapes}, {**BOTTLENECK, **attributes})
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("shapes", "attributes", "words"),
    [
        ({"X": [2, 5, 8]}, {}, "X has 3 dimensions, it must have 4"),
        ({"X": [2, 5, 9, 8]}, {}, "height and width of X must be from 1 to n"),
        ({"X": [2, 5, 0, 8]}, {}, "height and width of X must be from 1 to n"),
        ({"X": [2, 4, 8, 8]}, {}, "dimension 0 of gain is 5, it must be 4, the channels of X"),
        ({"thresholds": [63], "scale": [63]}, {}, "63 thresholds; it must be n * n for each of 1 paths"),
        ({"thresholds": [144], "scale": [144]}, {}, "a power of two from 2 to 128"),
        ({"thresholds": [0], "scale": [0]}, {}, "0 thresholds; it must be n * n"),
        ({"thresholds": [65536], "scale": [65536]}, {}, "n at most 128"),
        ({"thresholds": [64, 1]}, {}, "thresholds has 2 dimensions, it must have 1"),
        ({"scale": [16]}, {}, "dimension 0 of scale is 16, it must be 64"),
        ({"bias": [6]}, {}, "dimension 0 of bias is 6, it must be 5"),
        ({}, {"paths": 3}, "64 thresholds; it must be n * n for each of 3 paths"),
        ({"X": [2, 5, 2, 1], "thresholds": [4], "scale": [4]}, {"stride": 4}, "at least the stride"),
    ],
)
def test_wrong_shapes_of_maps(shapes: dict[str, list[int]], attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match="FWHT2D: ") as refusal:
        run_node("FWHT2D", {**PLANE_SHAPES, **shapes}, attributes)
    assert words in str(refusal.value)


def test_maps_run_with_all_attributes_and_their_shape_is_inferred() -> None:
    attributes = {"stride": 2, "keep_dc": 1, "activation": 1, "paths": 4, "soft": 1}
    shapes = {**PLANE_SHAPES, "thresholds": [256], "scale": [256]}
    x, thresholds, scale, gain, bias = draw_inputs(shapes, np.random.default_rng(0))
    wanted = fwht_2d(x, thresholds, scale, gain, bias, **attributes)
    assert np.abs(run_node("FWHT2D", shapes, attributes) - wanted).max() < 1e-5
    assert run_node("FWHT2D", {**shapes, "X": [0, 5, 7, 8]}, attributes).shape == (0, 5, 4, 4)
    session = make_session(make_node_model("FWHT2D", {**shapes, "X": ["N", 5, 7, 8]}, attributes))
    assert session.get_outputs()[0].shape == ["N", 5, 4, 4]
    session = make_session(make_node_model("FWHT2D", {**PLANE_SHAPES, "X": ["N", 5, "H", 8]}, {}))
    assert session.get_outputs()[0].shape == ["N", 5, "H", 8]


def test_a_bottleneck_of_nothing_gives_nothing_and_its_shape_is_inferred() -> None:
    attributes = {**BOTTLENECK, "stride": 2}
    assert run_node("FWHTBottleneck", {**BOTTLENECK_SHAPES, "X": [0, 5, 3, 4]}, attributes).shape == (0, 7, 2, 2)
    session = make_session(make_node_model("FWHTBottleneck", {**BOTTLENECK_SHAPES, "X": ["N", 5, 3, 4]}, attributes))
    assert session.get_outputs()[0].shape == ["N", 7, 2, 2]


def test_the_depthwise_convolution_runs_with_all_its_attributes() -> None:
    attributes = {"group": 5, "strides": [2, 1], "pads": [1, 0, 2, 1], "operator": 2, "activation": 1}
    y = run_node("MFDepthwiseConv", MF_SHAPES, attributes)
    generator = np.random.default_rng(0)
    arrays = dict(zip(("x", "weight", "gain", "bias"), draw_inputs(MF_SHAPES, generator)))
    case = Case(2, 5, 6, 6, 3, (2, 1), (1, 0, 2, 1), 2, 1)
    assert np.abs(y - case.reference(arrays)).max() < 1e-5
    session = make_session(make_node_model("MFDepthwiseConv", {**MF_SHAPES, "X": ["N", 5, 6, 6]}, attributes))
    assert session.get_outputs()[0].shape == ["N", *case.out_shape[1:]]


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(Exception, match="FWHTLayer: attribute out_channels is missing"):
        make_session(make_node_model("FWHTLayer", FWHT_SHAPES, {}))


def test_shapes_are_inferred() -> None:
    session = make_session(make_node_model("FWHTLayer", {**FWHT_SHAPES, "X": ["N", 5, "H", 4]}, {"out_channels": 7}))
    assert session.get_outputs()[0].shape == ["N", 7, "H", 4]


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    program = "import sys, onnxruntime; onnxruntime.SessionOptions().register_custom_ops_library(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(build_library())],
        env={**os.environ, "FWHT_CPU": "mmx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "FWHT_CPU is mmx, which this machine does not have: it has " in done.stderr


def test_the_library_needs_nothing_of_onnx_runtimes() -> None:
    """It is told where the runtime's functions are; linked to one, it would bring a second into the process."""
    path = build_library()
    assert b"libonnxruntime" not in path.read_bytes()
