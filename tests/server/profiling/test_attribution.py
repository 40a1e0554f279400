"""Which layer a node of the optimised graph belongs to, on graphs written by hand: what each rule is there for."""

from __future__ import annotations

from typing import Tuple

import onnx
from onnx import helper

from server.profiling.attribution import attribute_nodes
from server.profiling.build_report import ReportLayer

Node = Tuple[str, str, str, str]  # op, name, inputs and outputs, separated by blanks


def graph(*nodes: Node) -> onnx.GraphProto:
    protos = [helper.make_node(op, i.split(), o.split(), name) for op, name, i, o in nodes]
    return helper.make_graph(protos, "graph", [], [])


EXPORTED = graph(
    ("Conv", "stem", "image w0", "stem_out"),
    ("Clip", "stem_relu6", "stem_out low high", "stem_relu6_out"),
    ("Conv", "blocks.1.project", "stem_relu6_out w1", "blocks.1.project_out"),
    ("Add", "blocks.1.add", "stem_relu6_out blocks.1.project_out", "blocks.1.add_out"),
    ("FWHTLayer", "blocks.10.expand", "blocks.1.add_out t", "blocks.10.expand_out"),
    ("FWHTLayer", "blocks.10.project", "blocks.10.expand_out t", "blocks.10.project_out"),
    ("Gemm", "classifier", "blocks.10.project_out w2", "logits"),
)


def summary(layers: list[ReportLayer]) -> list[tuple[str, str]]:
    return [(layer.name, layer.op) for layer in layers]


def nodes_of(layers: list[ReportLayer]) -> dict[str, list[str]]:
    return {layer.name: layer.nodes for layer in layers}


def test_the_exported_graph_is_its_own_optimised_graph() -> None:
    layers = attribute_nodes(EXPORTED, EXPORTED)
    assert (
        [layer.name for layer in layers]
        == [
            "stem",
            "stem",  # the activation joins the layer before it
            *(node.name for node in EXPORTED.node[2:]),
        ]
    )
    assert layers[0].op == "Conv" and layers[0].nodes == ["stem", "stem_relu6"]


def test_a_hard_swish_is_two_nodes_of_its_layer() -> None:
    """A product of two maps is none, whatever its name begins with."""
    exported = graph(
        ("Conv", "head", "image w0", "head_out"),
        ("HardSigmoid", "head_hard_sigmoid", "head_out", "head_hard_sigmoid_out"),
        ("Mul", "head_hard_swish", "head_out head_hard_sigmoid_out", "head_hard_swish_out"),
        ("Mul", "head_mul", "head_hard_swish_out image", "logits"),
    )
    nodes = nodes_of(attribute_nodes(exported, exported))
    assert nodes == {"head": ["head", "head_hard_sigmoid", "head_hard_swish"], "head_mul": ["head_mul"]}


def test_blocked_convolutions_and_what_was_fused_into_them() -> None:
    optimised = graph(
        ("Conv", "stem_relu6_out_nchwc", "image reorder", "reorder_token_1"),
        ("Conv", "blocks.1.project_out_nchwc_token_7", "reorder_token_1 reorder_token_2", "reorder_token_3"),
        ("ReorderOutput", "ReorderOutput_token_4", "reorder_token_3", "blocks.1.add_out"),
        ("FWHTLayer", "blocks.10.expand", "blocks.1.add_out t", "blocks.10.expand_out"),
        ("FWHTLayer", "blocks.10.project", "blocks.10.expand_out t", "blocks.10.project_out"),
        ("Gemm", "classifier", "blocks.10.project_out w2", "logits"),
    )
    layers = attribute_nodes(EXPORTED, optimised)
    assert summary(layers)[:3] == [
        ("stem", "Conv"),
        ("blocks.1.project", "Conv"),
        ("blocks.1.project -> blocks.10.expand", "ReorderOutput"),
    ]
    assert nodes_of(layers)["blocks.1.project"] == ["blocks.1.project", "blocks.1.add"]
    assert layers[2].nodes == []


def test_a_fused_convolution_that_writes_the_sum_stays_a_convolution() -> None:
    optimised = graph(
        ("FusedConv", "stem", "image w0", "stem_relu6_out"),
        ("FusedConv", "blocks.1.project", "stem_relu6_out w1 b stem_relu6_out", "blocks.1.add_out"),
        *((node.op_type, node.name, " ".join(node.input), " ".join(node.output)) for node in EXPORTED.node[4:]),
    )
    layers = attribute_nodes(EXPORTED, optimised)
    assert summary(layers)[1] == ("blocks.1.project", "Conv")
    assert layers[1].nodes == ["blocks.1.project", "blocks.1.add"]


def inlined(call: str, x: str, y: str) -> list[Node]:
    """A function body: nameless, with a reorder of its own inside."""
    return [
        ("Reshape", "", f"{x} {call}_shape", f"{call}_blocks"),
        ("Conv", f"{call}_u_nchwc", f"{call}_blocks reorder", f"reorder_{call}"),
        ("ReorderOutput", f"ReorderOutput_{call}", f"reorder_{call}", f"{call}_u"),
        ("Tanh", "", f"{call}_u", f"{call}_tanh"),
        ("Abs", "", f"{call}_u", f"{call}_abs"),
        ("Mul", "", f"{call}_tanh {call}_abs", y),
    ]


def test_inlined_functions_by_their_outer_tensors() -> None:
    optimised = graph(
        ("FusedConv", "stem", "image w0", "stem_relu6_out"),
        ("FusedConv", "blocks.1.project", "stem_relu6_out w1 b stem_relu6_out", "blocks.1.add_out"),
        *inlined("_inlfunc_FWHTLayer", "blocks.1.add_out", "blocks.10.expand_out"),
        *inlined("_inlfunc_FWHTLayer_token_0", "blocks.10.expand_out", "blocks.10.project_out"),
        ("Gemm", "classifier", "blocks.10.project_out w2", "logits"),
    )
    names = [layer.name for layer in attribute_nodes(EXPORTED, optimised)]
    assert names == [
        "stem",
        "blocks.1.project",
        *["blocks.10.expand"] * 6,
        *["blocks.10.project"] * 6,
        "classifier",
    ]


def test_a_node_that_two_layers_share_belongs_to_neither() -> None:
    optimised = graph(
        *((node.op_type, node.name, " ".join(node.input), " ".join(node.output)) for node in EXPORTED.node[:4]),
        ("Shape", "", "t", "shared"),
        ("Reshape", "", "blocks.1.add_out shared", "blocks.10.expand_out"),
        ("Reshape", "", "blocks.10.expand_out shared", "blocks.10.project_out"),
        ("Gemm", "classifier", "blocks.10.project_out w2", "logits"),
    )
    layers = attribute_nodes(EXPORTED, optimised)
    assert summary(layers)[4] == ("input -> blocks.10.expand, blocks.10.project", "Shape")
    assert layers[4].nodes == []


def test_copies_between_devices_stand_for_themselves() -> None:
    optimised = graph(
        ("MemcpyFromHost", "Memcpy", "image", "image_CUDAExecutionProvider"),
        *((node.op_type, node.name, " ".join(node.input), " ".join(node.output)) for node in EXPORTED.node[:-1]),
        ("Gemm", "classifier", "blocks.10.project_out w2", "logits_CUDAExecutionProvider"),
        ("MemcpyToHost", "Memcpy_token_1", "logits_CUDAExecutionProvider", "logits"),
    )
    layers = attribute_nodes(EXPORTED, optimised)
    assert summary(layers)[0] == ("input -> output", "MemcpyFromHost")
    assert summary(layers)[-1] == ("classifier -> output", "MemcpyToHost")


def test_every_exported_node_is_listed_once() -> None:
    optimised = graph(("Gemm", "classifier", "image w2", "logits"))
    layers = attribute_nodes(EXPORTED, optimised)
    assert sorted(layers[0].nodes) == sorted(node.name for node in EXPORTED.node)


def test_nodes_without_names_go_by_their_output() -> None:
    nameless = graph(("Conv", "", "image w", "features"), ("Relu", "", "features", "features_relu"))
    (first, second) = attribute_nodes(nameless, nameless)
    assert first is second and first.name == "features" and first.nodes == ["features", "features_relu"]
