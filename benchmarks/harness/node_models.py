"""Models of a single layer with random weights: the custom ops and the convolution an FWHT layer stands in for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.ops.float32_bounds import fwht_layer_bounds, fwht_layer_bounds_of_windows
from export.ops.reference import fwht_layer
from export.to_onnx.function_text import DOMAIN, IR_VERSION, OPSET
from export.to_onnx.fwht_function import make_fwht_layer_function
from export.to_onnx.fwht_node import make_fwht_layer_node

Weights = Dict[str, np.ndarray]  # Python 3.8's tests import this, too
WEIGHTS = ("thresholds", "scale", "gain", "bias")


@dataclass(frozen=True)
class LayerCase:
    """One FWHT layer: channels in and out, n coefficients, and the op's attributes."""

    in_channels: int
    out_channels: int
    n: int
    keep_dc: int = 1
    pool: int = 1
    activation: int = 0
    paths: int = 1
    soft: int = 0
    block: int = 0

    def draw_weights(self, generator: np.random.Generator) -> Weights:
        """Random weights by input name; thresholds of either sign."""
        weights = {
            "thresholds": generator.normal(0, 0.3, self.paths * self.n),
            "scale": generator.normal(1, 0.3, self.paths * self.n),
            "gain": generator.normal(1, 0.5, self.out_channels),
            "bias": generator.normal(0, 1, self.out_channels),
        }
        return {name: values.astype(np.float32) for name, values in weights.items()}

    def make_node(self, name: str, x: str, y: str) -> onnx.NodeProto:
        """The node from tensor `x` to `y`, with weights called `<name>.thresholds` and so on."""
        inputs = [x, *(f"{name}.{weight}" for weight in WEIGHTS)]
        return make_fwht_layer_node(name, inputs, y, **self.__dict__)

    def compute_reference(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Y in float64."""
        thresholds, scale, gain, bias = (weights[name] for name in WEIGHTS)
        attributes = (self.out_channels, self.keep_dc, self.pool, self.activation, self.paths, self.soft, self.block)
        return fwht_layer(x, thresholds, scale, gain, bias, *attributes)

    def compute_tolerance(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """How far float32 may be from `compute_reference`."""
        attributes = {a.name: a.i for a in self.make_node("layer", "x", "y").attribute}
        in_channels, out_channels = (self.block,) * 2 if self.block else (self.in_channels, self.out_channels)
        even = 1 if self.block else self.pool & -self.pool
        backward_block = even * out_channels // attributes["backward_groups"]
        forward = attributes["forward_groups"] + in_channels // attributes["forward_groups"]
        backward = self.paths * self.n // backward_block + backward_block
        return self.bound_float32(x, weights, forward, backward)

    def bound_float32(self, x: np.ndarray, weights: Weights, forward: int, backward: int) -> np.ndarray:
        """The bound of `export.ops.float32_bounds`: `forward` and `backward` terms of the two transforms."""
        thresholds, scale, gain, bias = (weights[name] for name in WEIGHTS)
        arrays, options = (x, thresholds, scale, gain, bias), (self.keep_dc, self.paths, self.soft)
        if self.block:
            return fwht_layer_bounds_of_windows(*arrays, forward, backward + self.pool, *options, self.pool)
        return fwht_layer_bounds(*arrays, forward, backward, *options)


def make_model(
    nodes: list[onnx.NodeProto],
    weights: Weights,
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    functions: list[onnx.FunctionProto],
) -> onnx.ModelProto:
    """A checked model from `x` to `y` with a free batch size; shapes are (C, H, W)."""
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *x_shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", *y_shape])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    proto = helper.make_model(graph, functions=functions, opset_imports=imports, ir_version=IR_VERSION)
    onnx.checker.check_model(proto)
    return proto


def make_fwht_layer_model(layer: LayerCase, weights: Weights, height: int, width: int) -> onnx.ModelProto:
    """The layer alone, as one node with its function body."""
    node = layer.make_node("layer", "x", "y")
    return make_model(
        [node],
        {f"layer.{name}": values for name, values in weights.items()},
        (layer.in_channels, height, width),
        (layer.out_channels, height, width),
        [make_fwht_layer_function([node])],
    )


def make_convolution_model(
    layer: LayerCase, weight: np.ndarray, bias: np.ndarray, height: int, width: int
) -> onnx.ModelProto:
    """The 1x1 convolution with bias that the layer replaces, and its ReLU6 where the layer has one."""
    nodes = [helper.make_node("Conv", ["x", "weight", "bias"], ["sum" if layer.activation else "y"], name="conv")]
    weights = {"weight": weight, "bias": bias}
    if layer.activation:
        weights["low"], weights["high"] = np.float32(0), np.float32(6)
        nodes.append(helper.make_node("Clip", ["sum", "low", "high"], ["y"], name="relu6"))
    return make_model(nodes, weights, (layer.in_channels, height, width), (layer.out_channels, height, width), [])
