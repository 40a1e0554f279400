"""A trained model as one ONNX file that runs everywhere: opset 13, IR 8, the ops as nodes of the domain `fwht`.

Every node is named by its module path; weights are node inputs; BatchNorm and ReLU6 are folded in. ONNX Runtime runs
the ops by their function bodies, TensorRT by the plugins of the same names.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from export.ops.layers import MFDepthwiseConv
from export.to_onnx.folded_graph import FoldedLayer, fold_graph
from export.to_onnx.function_text import DOMAIN, IR_VERSION, OPSET
from export.to_onnx.fwht_2d_body import make_fwht_2d_function
from export.to_onnx.fwht_function import make_fwht_layer_function
from export.to_onnx.mf_body import make_mf_depthwise_conv_function
from export.to_onnx.nodes import EMITTERS

CARD_TEXTS = ("name", "architecture", "parameters", "temperature")
CARD_OBJECTS = ("labels", "preprocessing", "accuracy", "min_score", "origin")


def build_onnx_model(model: nn.Module, card: dict[str, Any]) -> onnx.ModelProto:
    """`model` in eval mode and the card of its weights -> a checked ModelProto.

    Input `image` float32 (N, 3, S, S), normalised; output `logits` float32 (N, classes). Raises ValueError where the
    model holds something the exporter does not know.
    """
    layers = fold_graph(model)
    size = card["preprocessing"]["size"]
    nodes, constants, _ = emit_nodes(layers)
    nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        nodes,
        card["architecture"],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(card["labels"])])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return _make_model(graph, layers, make_metadata(card))


def emit_nodes(layers: list[FoldedLayer]) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray], dict[str, str]]:
    """Nodes in the order they run, their weights by name, and which tensor each layer makes; `image` is the input."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, np.ndarray] = {}
    tensors = {"image": "image"}
    for layer in layers:
        new_nodes, new_constants = EMITTERS[layer.op](layer, [tensors[name] for name in layer.inputs])
        nodes += new_nodes
        constants.update(new_constants)
        tensors[layer.name] = new_nodes[-1].output[0]
    return nodes, constants, tensors


def _make_model(graph: onnx.GraphProto, layers: list[FoldedLayer], properties: dict[str, str]) -> onnx.ModelProto:
    functions = []
    if any(layer.op == "fwht" for layer in layers):
        functions.append(make_fwht_layer_function(graph.node))
    if any(layer.op == "fwht_2d" for layer in layers):
        functions.append(make_fwht_2d_function(graph.node))
    operators = {layer.module.operator for layer in layers if isinstance(layer.module, MFDepthwiseConv)}
    if operators:
        functions.append(make_mf_depthwise_conv_function(operators))
    imports = [helper.make_opsetid("", OPSET)]
    if functions:
        imports.append(helper.make_opsetid(DOMAIN, 1))
    proto = helper.make_model(
        graph, ir_version=IR_VERSION, opset_imports=imports, functions=functions, producer_name="fwht-classifier"
    )
    helper.set_model_props(proto, properties)
    onnx.checker.check_model(proto)
    return proto


def make_metadata(card: dict[str, Any]) -> dict[str, str]:
    """The card's facts as ONNX metadata properties; lists and objects as JSON."""
    texts = {key: str(card[key]) for key in CARD_TEXTS if key in card}
    objects = {key: json.dumps(card[key]) for key in CARD_OBJECTS if key in card}
    return {**texts, **objects, "checkpoint_sha256": card["sha256"]}
