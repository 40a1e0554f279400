"""Which bottlenecks of a model are taken into one op, and which are left as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from server.backends.bottleneck_pattern import find_bottlenecks
from server.backends.bottlenecks import OP, TIMED_OP, fuse_bottlenecks, split_fused_times

ROOT = Path(__file__).resolve().parents[3]
HYBRIDS = ("fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")


def load(name: str = HYBRIDS[0]) -> onnx.ModelProto:
    return onnx.load(str(ROOT / "models" / f"{name}.onnx"))


@pytest.mark.parametrize("name", HYBRIDS)
def test_the_five_of_a_hybrid(name: str) -> None:
    path = ROOT / "models" / f"{name}.onnx"
    before = path.read_bytes()
    fused = fuse_bottlenecks(path)
    assert fused is not None and path.read_bytes() == before
    found = fused.bottlenecks.values()
    assert [each.attributes["stride"] for each in found] == [1, 2, 1, 1, 1]
    assert [each.attributes["residual"] for each in found] == [1, 0, 1, 1, 0]
    assert {each.attributes["operator"] for each in found} == {int("mf" in name)}
    assert {(each.attributes["expand_activation"], each.attributes["activation"]) for each in found} == {(6, 6)}
    nodes = onnx.load_from_string(fused.content).graph.node
    assert [node.op_type for node in nodes].count(OP) == 5
    assert not {node.name for node in nodes} & {node.name for each in found for node in each.nodes}


def test_a_model_without_them_stays() -> None:
    assert fuse_bottlenecks(ROOT / "models" / "mobilenet_v2.onnx") is None


@pytest.mark.parametrize("content", [b"", b"this is no model", None])
def test_a_file_that_is_no_model_is_left_to_the_runtime(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    assert fuse_bottlenecks(tmp_path / "model.onnx") is None


def test_external_data_is_left_alone(tmp_path: Path) -> None:
    onnx.save(load(), str(tmp_path / "model.onnx"), save_as_external_data=True, location="data", size_threshold=16)
    assert fuse_bottlenecks(tmp_path / "model.onnx") is None


def node_of(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    nodes: dict[str, onnx.NodeProto] = {node.name: node for node in model.graph.node}
    return nodes[name]


def set_attribute(name: str, attribute: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, name)
        kept = [each for each in node.attribute if each.name != attribute]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(attribute, value)])

    return change


def read_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["blocks.13.expand"], ["again"], name="again"))


def give_out(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("blocks.13.depthwise_relu6", 1, None))


def feed_weight(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("blocks.13.depthwise.weight", 1, [576, 1, 3, 3]))


def other_bound(model: onnx.ModelProto) -> None:
    node_of(model, "blocks.13.depthwise_relu6").input[2] = "five"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(5), "five"))


def wider_window(model: onnx.ModelProto) -> None:
    (weight,) = (each for each in model.graph.initializer if each.name == "blocks.13.depthwise.weight")
    weight.CopyFrom(numpy_helper.from_array(np.zeros((576, 1, 5, 5), np.float32), weight.name))


@pytest.mark.parametrize(
    "change",
    [
        read_twice,
        give_out,
        feed_weight,
        other_bound,
        wider_window,
        set_attribute("blocks.13.depthwise", "strides", [2, 1]),
        set_attribute("blocks.13.depthwise", "pads", [0, 0, 0, 0]),
        set_attribute("blocks.13.depthwise", "dilations", [2, 2]),
        set_attribute("blocks.13.depthwise", "group", 1),
        set_attribute("blocks.13.depthwise", "auto_pad", "SAME_UPPER"),
        set_attribute("blocks.13.expand", "pool", 2),
        set_attribute("blocks.13.project", "pool", 2),
        set_attribute("blocks.13.expand", "block", 32),
        set_attribute("blocks.13.project", "block", 32),
    ],
)
def test_what_is_a_little_different_is_left(change: Callable[[onnx.ModelProto], None]) -> None:
    model = load()
    change(model)
    assert [each.expand.name for each in find_bottlenecks(model.graph)] == [f"blocks.{n}.expand" for n in range(14, 18)]


def test_an_addition_of_something_else_stays_behind_it() -> None:
    model = load()
    node_of(model, "blocks.13.add").input[0] = "blocks.11.project"
    first = find_bottlenecks(model.graph)[0]
    assert first.attributes["residual"] == 0 and first.nodes[-1].name == "blocks.13.project"


def test_nodes_without_names_cannot_be_told_apart() -> None:
    model = load()
    node_of(model, "blocks.2.expand").name = ""
    assert find_bottlenecks(model.graph) == []


def test_times_are_divided_among_the_layers(tmp_path: Path) -> None:
    fused = fuse_bottlenecks(ROOT / "models" / f"{HYBRIDS[0]}.onnx", timed=True)
    assert fused is not None
    model = onnx.load_from_string(fused.content)
    assert [output.name for output in model.graph.output[1:]] == [f"{name}.seconds" for name in fused.bottlenecks]
    nodes = [node.op_type for node in model.graph.node]
    kernel_ms = np.ones((2, len(nodes) + 1))
    seconds = np.tile(np.array([1e-6, 2e-6, 5e-6], np.float32), (2, 5, 1))
    found = split_fused_times(model.graph, kernel_ms, fused.bottlenecks, seconds)
    assert len(model.graph.node) == len(nodes) + 10 == found.shape[1] - 1
    first = nodes.index(TIMED_OP)
    assert found[0, first : first + 3] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert [node.name for node in model.graph.node[first : first + 3]] == [
        f"blocks.13.{layer}" for layer in ("expand", "depthwise", "project")
    ]
    assert found.sum() == pytest.approx(kernel_ms.sum())
