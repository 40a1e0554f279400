"""Names of TensorRT's layers, back to the ONNX nodes they are made of."""

from __future__ import annotations

from typing import Any

import pytest

from server.backends.tensorrt_layers import find_report_layers, make_card_layers

NODES = {
    "stem": "Conv",
    "stem_relu6": "Clip",
    "blocks.1.expand": "Conv",
    "blocks.1.expand_relu6": "Clip",
    "blocks.1.add": "Add",
    "blocks.17.expand": "FWHTLayer",
    "blocks.17.expand_more": "Conv",
    "pool": "GlobalAveragePool",
    "flatten": "Flatten",
    "classifier": "Gemm",
}


def nodes_of(*told: Any) -> list[list[str]]:
    return [layer["onnx_nodes"] for layer in make_card_layers(told, NODES)]


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("stem", ["stem", "stem_relu6"]),
        ("stem + stem_relu6", ["stem", "stem_relu6"]),
        ("PWN(stem_relu6)", ["stem_relu6"]),
        ("PWN(PWN(stem_relu6), blocks.1.add)", ["stem_relu6", "blocks.1.add"]),
        ("blocks.1.expand + blocks.1.add", ["blocks.1.expand", "blocks.1.expand_relu6", "blocks.1.add"]),
        ("blocks.17.expand", ["blocks.17.expand"]),
        ("stem || pool", ["stem", "stem_relu6", "pool"]),
        ("pool [profile 1]", ["pool"]),
        ("(Unnamed Layer* 12) [Constant] + (Unnamed Layer* 13) [Shuffle]", []),
        ("Reformatting CopyNode for Input Tensor 0 to stem + stem_relu6", []),
        ("classifier.weight + (Unnamed Layer* 3) [Shuffle]", []),
    ],
)
def test_names(name: str, nodes: list[str]) -> None:
    assert nodes_of(name) == [nodes]
    assert nodes_of({"Name": name, "LayerType": "x"}) == [nodes]


def test_a_node_is_not_taken_for_another_whose_name_it_begins() -> None:
    assert nodes_of("blocks.17.expand", "blocks.17.expand_more") == [["blocks.17.expand"], ["blocks.17.expand_more"]]


def test_a_stretch_has_what_nobody_else_has() -> None:
    told = ["stem", "{ForeignNode[blocks.1.expand...flatten]}", "blocks.17.expand"]
    stretch = ["blocks.1.expand", "blocks.1.expand_relu6", "blocks.1.add", "blocks.17.expand_more", "pool", "flatten"]
    assert nodes_of(*told) == [["stem", "stem_relu6"], stretch, ["blocks.17.expand"]]


def test_metadata_goes_before_the_name() -> None:
    told = {
        "Name": "__myl_Fc_0x12",
        "LayerType": "gemm",
        "Metadata": "[ONNX Layer: flatten]\x1e[ONNX Layer: classifier]",
    }
    assert make_card_layers([told], NODES) == [
        {"name": "__myl_Fc_0x12", "op": "Flatten", "onnx_nodes": ["flatten", "classifier"]}
    ]


def test_a_hard_swish_is_two_nodes_of_its_layer() -> None:
    nodes = {
        "head": "Conv",
        "head_hard_sigmoid": "HardSigmoid",
        "head_hard_swish": "Mul",
        "head_scale": "Mul",
        "last": "Conv",
    }
    made = make_card_layers(["head", "last"], nodes)
    assert [layer["onnx_nodes"] for layer in made] == [["head", "head_hard_sigmoid", "head_hard_swish"], ["last"]]


def test_op_of_what_belongs_to_no_node() -> None:
    reformat = {"Name": "Reformatting CopyNode for Input Tensor 0 to stem", "LayerType": "Reformat"}
    assert make_card_layers([reformat, "x"], NODES)[0]["op"] == "Reformat"
    assert make_card_layers(["x"], NODES)[0]["op"] == "unknown"


def test_report_layers() -> None:
    card = make_card_layers(["Reformatting CopyNode 1", "stem + stem_relu6", "PWN(pool)", "pool"], NODES)
    names = ["Reformatting CopyNode 1", "stem + stem_relu6", "PWN(pool)", "pool", "never seen"]
    reformat, stem, pool, pool_again, unknown = find_report_layers(card, names)
    assert (reformat.name, reformat.nodes) == ("Reformatting CopyNode 1", [])
    assert (stem.name, stem.op, stem.nodes) == ("stem", "Conv", ["stem", "stem_relu6"])
    assert pool is pool_again and pool.name == "pool"
    assert (unknown.name, unknown.op, unknown.nodes) == ("never seen", "unknown", [])
