"""A model in float16 as ONNX Runtime can run it on a CPU, to know what float16 costs in accuracy without a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from export.engine.onnx_half import convert_to_float16


def make_half_model(path: Path) -> onnx.ModelProto:
    """The ONNX file as `make engine PRECISION=fp16` types it for TensorRT 11. Our own nodes, whose function bodies are
    float32's, get a Cast before and one behind, so that their inputs and outputs are rounded to float16."""
    model = onnx.load_from_string(convert_to_float16(path.read_bytes()))
    nodes = [typed for node in model.graph.node for typed in (_between_casts(node) if node.domain else [node])]
    copied = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copied)
    return model


def _between_casts(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    x, y = node.input[0], node.output[0]
    node.input[0], node.output[0] = f"{x}.single.{node.name}", f"{y}.single"
    into = helper.make_node("Cast", [x], [node.input[0]], to=TensorProto.FLOAT)
    return [into, node, helper.make_node("Cast", [node.output[0]], [y], to=TensorProto.FLOAT16)]


class HalfSession:
    """Images (N, 3, H, W) in float32 to logits (N, classes) in float32, float16 in between."""

    def __init__(self, path: Path) -> None:
        model = make_half_model(path).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def infer(self, batch: np.ndarray) -> np.ndarray:
        logits: np.ndarray = self._session.run(None, {"image": batch})[0]
        return logits
