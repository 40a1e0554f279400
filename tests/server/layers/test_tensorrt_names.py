"""Every shape of layer name that was seen in profiles of TensorRT 8.0 to 10.15."""

from __future__ import annotations

import pytest

from server.layers.tensorrt_names import NameParts, is_numbered, parse_metadata, parse_name, parse_number

FULLY_CONNECTED = (
    "fc.weight + QuantizeLinear_30 + Gemm_35 + fc.bias + (Unnamed Layer* 354) [Shuffle] + unsqueeze_node_after_fc.bias"
    " + (Unnamed Layer* 354) [Shuffle]_(Unnamed Layer* 354) [Shuffle]_output + (Unnamed Layer* 355) [ElementWise]"
)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("stem", ["stem"]),
        ("stem + stem_relu6", ["stem", "stem_relu6"]),
        ("/m.0/cv1/Conv || /m.0/cv2/Conv", ["/m.0/cv1/Conv", "/m.0/cv2/Conv"]),
        ("PWN(head_relu6)", ["head_relu6"]),
        (
            "conv.weight + conv + PWN(PWN(PWN(sigmoid), PWN(mul)), PWN(add))",
            ["conv.weight", "conv", "sigmoid", "mul", "add"],
        ),
        ("PWN(a + (Unnamed Layer* 16) [Shuffle], PWN(PWN(b + c, d), e))", ["a", "b", "c", "d", "e"]),
        ("2-layer MLP: Conv_68 + Relu_69 -> Conv_70", ["Conv_68", "Relu_69", "Conv_70"]),
        ("stem [profile 1]", ["stem"]),
        ("{ForeignNode[softmax]}", ["softmax"]),
        ("(Unnamed Layer* 52) [Shuffle]", []),
        ("ONNXTRT_ShapeShuffle_336_output", []),
        ("/m.0/Split_output_0 copy", ["/m.0/Split_output_0 copy"]),
        (FULLY_CONNECTED, ["fc.weight", "QuantizeLinear_30", "Gemm_35", "fc.bias"]),
        ("a + b + a", ["a", "b"]),
        ("blocks.0.add -> blocks.1.expand", ["blocks.0.add -> blocks.1.expand"]),
        ("PWN(unclosed", ["PWN(unclosed"]),
        ("", []),
    ],
)
def test_fused(name: str, nodes: list[str]) -> None:
    assert parse_name(name) == NameParts(tuple(nodes))


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("Reformatting CopyNode for Input Tensor 0 to stem + PWN(stem_relu6)", ["stem", "stem_relu6"]),
        ("Reformatting CopyNode for Output Tensor 12 to a || b", ["a", "b"]),
        ("Reformatting CopyNode for Input Tensor 0 to reshape_after_Gemm_48", ["Gemm_48"]),
        ("reshape_after_Gemm_48", ["Gemm_48"]),
        ("copied_squeeze_after_(Unnamed Layer* 307) [ElementWise]", []),
        ("transpose_before_net/MatMul", ["net/MatMul"]),
    ],
)
def test_work_that_was_added_for_a_layer(name: str, nodes: list[str]) -> None:
    assert parse_name(name) == NameParts(tuple(nodes), helper=True)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("{ForeignNode[/model.10/Split_16.../model.10/Add]}", "/model.10/Split_16.../model.10/Add"),
        ("__myl_MulMaxSubExpSum_myl109_3", "__myl_MulMaxSubExpSum_myl109_3"),
        ("/model_10/m/m_0/attn/MatMul_myl109_2", "/model_10/m/m_0/attn/MatMul_myl109_2"),
    ],
)
def test_a_block_tells_no_nodes(name: str, block: str) -> None:
    assert parse_name(name) == NameParts((), block=block)
    assert parse_name(f"Reformatting CopyNode for Output Tensor 0 to {name}") == NameParts((), True, block)


@pytest.mark.parametrize("separator", ["\x1e", "\x1f", ""])
def test_metadata(separator: str) -> None:
    told = separator.join(["[ONNX Layer: stem]", "[ONNX Layer: /m.0/cv1/Conv]", "[ONNX Layer: x [Shuffle]]"])
    assert parse_metadata(told) == ("stem", "/m.0/cv1/Conv", "x [Shuffle]")
    assert parse_metadata("") == parse_metadata("[aten_ops.conv]") == ()


def test_numbered_names() -> None:
    numbered = ["Conv_9", "Conv__435", "QuantizeLinear_101", "node_conv2d", "node_conv2d_3"]
    spoken = ["stem", "blocks.0.expand", "/m.0/cv1/Conv", "resnet50/conv2_block1_1_conv/Conv2D", "conv_9.weight"]
    assert all(map(is_numbered, numbered)) and not any(map(is_numbered, spoken))
    assert (
        parse_number("Conv_9") == (9, "Conv") and parse_number("node_conv2d_3") is None and parse_number("stem") is None
    )
