"""Models of a single FWHT2D layer with random weights; of what it stands in for, a 3x3 convolution and
squeeze-and-excite; and of the depthwise convolution, its rival, which mixes no channels either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from benchmarks.harness.node_models import WEIGHTS, Weights, make_model
from export.ops.float32_bounds import fwht_2d_bounds
from export.ops.fwht_2d_reference import fwht_2d
from export.to_onnx.fwht_2d_body import make_fwht_2d_function, make_fwht_2d_node


@dataclass(frozen=True)
class PlaneCase:
    """One FWHT2D node: the map, n and the op's attributes."""

    height: int
    width: int
    n: int
    stride: int = 1
    keep_dc: int = 0
    activation: int = 0
    paths: int = 1
    soft: int = 0

    @property
    def options(self) -> dict[str, int]:
        return {"stride": self.stride, "keep_dc": self.keep_dc, "paths": self.paths, "soft": self.soft}

    def draw_weights(self, generator: np.random.Generator, channels: int = 3) -> Weights:
        """Random weights by input name; thresholds of either sign."""
        count = self.paths * self.n**2
        weights = {
            "thresholds": generator.normal(0, 0.3, count),
            "scale": generator.normal(1, 0.3, count),
            "gain": generator.normal(1, 0.5, channels),
            "bias": generator.normal(0, 1, channels),
        }
        return {name: values.astype(np.float32) for name, values in weights.items()}

    def make_node(self, name: str, x: str, y: str) -> onnx.NodeProto:
        """The node from tensor `x` to `y`, with weights called `<name>.thresholds` and so on."""
        return make_fwht_2d_node(name, [x, *(f"{name}.{weight}" for weight in WEIGHTS)], y, **self.__dict__)

    def compute_reference(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """Y in float64."""
        thresholds, scale, gain, bias = (weights[name] for name in WEIGHTS)
        return fwht_2d(x, thresholds, scale, gain, bias, activation=self.activation, **self.options)

    def compute_tolerance(self, x: np.ndarray, weights: Weights) -> np.ndarray:
        """How far float32 may be from `compute_reference`, of the function body, whose sums are the longest."""
        thresholds, scale, gain, bias = (weights[name] for name in WEIGHTS)
        terms = self.height + self.width, (self.paths + 1) * self.n // self.stride
        return fwht_2d_bounds(x, thresholds, scale, gain, bias, *terms, **self.options)


def make_plane_model(case: PlaneCase, weights: Weights) -> onnx.ModelProto:
    """The layer alone, as one node with its function body."""
    node, channels = case.make_node("layer", "x", "y"), len(weights["gain"])
    size = -(-case.height // case.stride), -(-case.width // case.stride)
    named = {f"layer.{name}": values for name, values in weights.items()}
    functions = [make_fwht_2d_function([node])]
    return make_model([node], named, (channels, case.height, case.width), (channels, *size), functions)


def make_window_model(weight: np.ndarray, bias: np.ndarray, size: int, activation: int = 0) -> onnx.ModelProto:
    """A 3x3 convolution with zeros around a map of size x size, depthwise where the weight has one input channel; with
    its ReLU where activation is 1."""
    channels = weight.shape[0]
    group = channels if weight.shape[1] == 1 else 1
    made = "sum" if activation else "y"
    nodes = [helper.make_node("Conv", ["x", "weight", "bias"], [made], name="conv", group=group, pads=[1, 1, 1, 1])]
    if activation:
        nodes.append(helper.make_node("Relu", ["sum"], ["y"], name="relu"))
    shape = (channels, size, size)
    return make_model(nodes, {"weight": weight, "bias": bias}, shape, shape, [])


def make_excite_model(weights: Weights, size: int) -> onnx.ModelProto:
    """Squeeze-and-excite: x times sigmoid(second relu(first mean(x))); `first` (C', C, 1, 1), `second` back."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"], name="squeeze"),
        helper.make_node("Conv", ["mean", "first", "first_bias"], ["few"], name="first"),
        helper.make_node("Relu", ["few"], ["active"], name="relu"),
        helper.make_node("Conv", ["active", "second", "second_bias"], ["all"], name="second"),
        helper.make_node("Sigmoid", ["all"], ["factors"], name="sigmoid"),
        helper.make_node("Mul", ["x", "factors"], ["y"], name="excite"),
    ]
    shape = (len(weights["second"]), size, size)
    return make_model(nodes, weights, shape, shape, [])
