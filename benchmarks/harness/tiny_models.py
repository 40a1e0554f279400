"""A small hybrid as an ONNX file, every layer kind of the real ones in it; random weights, no training, no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.to_onnx.function_text import DOMAIN, IR_VERSION, OPSET
from export.to_onnx.fwht_function import make_fwht_layer_function
from export.to_onnx.fwht_node import make_fwht_layer_node
from export.to_onnx.mf_body import make_mf_depthwise_conv_function, make_mf_depthwise_conv_node

SIZE = 16
LABELS = ["red", "green", "blue", "grey"]
PREPROCESSING = {"size": SIZE, "resize": "crop", "colour": "RGB", "mean": [127.5] * 3, "std": [64.0] * 3}
# The layers of `tiny_model` in order: name, op, and the ONNX nodes that belong to it.
LAYERS = [
    ("stem", "Conv", ["stem", "stem_relu6"]),
    ("blocks.0.expand", "Conv", ["blocks.0.expand", "blocks.0.expand_relu6"]),
    ("blocks.0.depthwise", "Conv", ["blocks.0.depthwise", "blocks.0.depthwise_relu6"]),
    ("blocks.0.project", "Conv", ["blocks.0.project"]),
    ("blocks.0.add", "Add", ["blocks.0.add"]),
    ("blocks.1.expand", "FWHTLayer", ["blocks.1.expand"]),
    ("blocks.1.depthwise", "MFDepthwiseConv", ["blocks.1.depthwise"]),
    ("blocks.1.project", "FWHTLayer", ["blocks.1.project"]),
    ("blocks.1.add", "Add", ["blocks.1.add"]),
    ("blocks.2.expand", "FWHTLayer", ["blocks.2.expand"]),
    ("blocks.2.depthwise", "Conv", ["blocks.2.depthwise", "blocks.2.depthwise_relu6"]),
    ("head", "Conv", ["head", "head_relu6"]),
    ("pool", "GlobalAveragePool", ["pool"]),
    ("flatten", "Flatten", ["flatten"]),
    ("classifier", "Gemm", ["classifier"]),
]


class _Graph:
    """Collects nodes and weights; each method adds one layer and returns the name of its output."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.nodes: list[onnx.NodeProto] = []
        self.weights = [
            numpy_helper.from_array(np.float32(0), "relu6_low"),
            numpy_helper.from_array(np.float32(6), "relu6_high"),
        ]

    def add_weight(self, name: str, *shape: int) -> str:
        values = self.random.standard_normal(shape, dtype=np.float32) / np.sqrt(np.prod(shape[1:]) or 1)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def add_conv(
        self, name: str, x: str, c_in: int, c_out: int, kernel: int = 1, group: int = 1, relu6: bool = True
    ) -> str:
        inputs = [
            x,
            self.add_weight(f"{name}.weight", c_out, c_in // group, kernel, kernel),
            self.add_weight(f"{name}.bias", c_out),
        ]
        pads = [kernel // 2] * 4
        self.nodes.append(helper.make_node("Conv", inputs, [f"{name}_out"], name, group=group, pads=pads))
        if not relu6:
            return f"{name}_out"
        clip = [f"{name}_out", "relu6_low", "relu6_high"]
        self.nodes.append(helper.make_node("Clip", clip, [f"{name}_relu6_out"], f"{name}_relu6"))
        return f"{name}_relu6_out"

    def add_fwht_layer(self, name: str, x: str, c_in: int, c_out: int, n: int, activation: int) -> str:
        sizes = {"thresholds": n, "scale": n, "gain": c_out, "bias": c_out}
        inputs = [x, *(self.add_weight(f"{name}.{key}", size) for key, size in sizes.items())]
        arguments = {"n": n, "in_channels": c_in, "out_channels": c_out, "activation": activation}
        self.nodes.append(make_fwht_layer_node(name, inputs, f"{name}_out", **arguments))
        return f"{name}_out"

    def add_mf_conv(self, name: str, x: str, channels: int) -> str:
        inputs = [x, self.add_weight(f"{name}.weight", channels, 1, 3, 3)]
        inputs += [self.add_weight(f"{name}.{key}", channels) for key in ("gain", "bias")]
        self.nodes.append(
            make_mf_depthwise_conv_node(name, inputs, f"{name}_out", channels=channels, operator=1, activation=6)
        )
        return f"{name}_out"

    def add_node(self, op: str, name: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(op, inputs, [output], name, **attributes))
        return output


def make_tiny_model() -> onnx.ModelProto:
    """The model; input (N, 3, 16, 16), output (N, 4)."""
    graph = _Graph()
    x = graph.add_conv("stem", "image", 3, 16, kernel=3)
    y = graph.add_conv("blocks.0.expand", x, 16, 32)
    y = graph.add_conv("blocks.0.depthwise", y, 32, 32, kernel=3, group=32)
    y = graph.add_conv("blocks.0.project", y, 32, 16, relu6=False)
    x = graph.add_node("Add", "blocks.0.add", [x, y])
    y = graph.add_fwht_layer("blocks.1.expand", x, 16, 48, n=64, activation=6)
    y = graph.add_mf_conv("blocks.1.depthwise", y, 48)
    y = graph.add_fwht_layer("blocks.1.project", y, 48, 16, n=64, activation=0)
    x = graph.add_node("Add", "blocks.1.add", [x, y])
    x = graph.add_fwht_layer("blocks.2.expand", x, 16, 48, n=64, activation=6)
    x = graph.add_conv("blocks.2.depthwise", x, 48, 48, kernel=3, group=48)
    x = graph.add_conv("head", x, 48, 32)
    x = graph.add_node("GlobalAveragePool", "pool", [x])
    x = graph.add_node("Flatten", "flatten", [x])
    classifier = [x, graph.add_weight("classifier.weight", 4, 32), graph.add_weight("classifier.bias", 4)]
    graph.add_node("Gemm", "classifier", classifier, "logits", transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])
    return helper.make_model(
        helper.make_graph(graph.nodes, "tiny", [image], [logits], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        functions=[make_fwht_layer_function(), make_mf_depthwise_conv_function({1})],
        ir_version=IR_VERSION,
    )


def write_tiny_model(path: Path, model: onnx.ModelProto | None = None, **metadata: Any) -> Path:
    """Write a model with metadata; a keyword replaces a property, None leaves it out."""
    properties: dict[str, Any] = {"name": path.stem, "labels": LABELS, "preprocessing": PREPROCESSING, **metadata}
    texts = {key: v if isinstance(v, str) else json.dumps(v) for key, v in properties.items() if v is not None}
    model = model or make_tiny_model()
    helper.set_model_props(model, texts)
    onnx.save(model, str(path))
    return path
