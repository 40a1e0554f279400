"""The ONNX node of each kind of layer, with its weights: the gain and bias of the BatchNorm folded in."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import onnx
from onnx import helper
from torch import nn

from export.models.same_convolution import SameConv2d
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.folded_graph import HARD_SIGMOID, HARD_SWISH, FoldedLayer
from export.to_onnx.fwht_2d_body import make_fwht_2d_node
from export.to_onnx.fwht_body import EPSILON
from export.to_onnx.fwht_node import make_fwht_layer_node
from export.to_onnx.mf_body import make_mf_depthwise_conv_node

# The nodes, the last of which makes the layer's tensor, and their weights by name
Emitted = tuple[list[onnx.NodeProto], dict[str, np.ndarray]]
HARD = (HARD_SIGMOID, HARD_SWISH)


def _to_float32(array: Any) -> np.ndarray:
    return np.asarray(array.detach() if hasattr(array, "detach") else array, dtype=np.float32)


def _gain_and_bias(layer: FoldedLayer, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """What was folded in, or ones and zeros, float64 (channels,)."""
    gain = np.ones(channels) if layer.gain is None else layer.gain
    return gain, np.zeros(channels) if layer.bias is None else layer.bias


def _add_activation(layer: FoldedLayer, node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> Emitted:
    """The node and, behind it, the layer's activation, which an engine fuses into it."""
    name = layer.name
    if layer.activation == 1:
        return [node, helper.make_node("Relu", [name], [f"{name}_relu"], name=f"{name}_relu")], constants
    if layer.activation == 6:
        clip = helper.make_node("Clip", [name, "relu6.min", "relu6.max"], [f"{name}_relu6"], name=f"{name}_relu6")
        return [node, clip], {
            **constants,
            "relu6.min": np.float32(0).reshape(()),
            "relu6.max": _to_float32(6).reshape(()),
        }
    if layer.activation in HARD:
        return [node, *_make_hard_activation(name, layer.activation)], constants
    return [node], constants


def _make_hard_activation(name: str, activation: int) -> list[onnx.NodeProto]:
    """HardSigmoid, and for a hard swish a product behind it: opset 13 has no HardSwish."""
    sigmoid = f"{name}_hard_sigmoid"
    nodes = [helper.make_node("HardSigmoid", [name], [sigmoid], name=sigmoid, alpha=1 / 6, beta=0.5)]
    if activation == HARD_SWISH:
        swish = f"{name}_hard_swish"
        nodes.append(helper.make_node("Mul", [name, sigmoid], [swish], name=swish))
    return nodes


def _split_activation(layer: FoldedLayer) -> tuple[int, list[onnx.NodeProto]]:
    """The activation that one of our ops applies itself, and the nodes of one that it does not have."""
    if layer.activation in HARD:
        return 0, _make_hard_activation(layer.name, layer.activation)
    return layer.activation, []


def emit_conv(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    """Conv with the gain in its weight."""
    conv, name = layer.module, layer.name
    if not isinstance(conv, nn.Conv2d) or isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ValueError(f"{name}: padding is given in pixels, of zeros")
    gain, bias = _gain_and_bias(layer, conv.out_channels)
    if conv.bias is not None:
        bias = bias + gain * conv.bias.detach().double().numpy()
    weight = conv.weight.detach().double().numpy() * gain[:, None, None, None]
    constants = {f"{name}.weight": _to_float32(weight), f"{name}.bias": _to_float32(bias)}
    node = helper.make_node(
        "Conv",
        [*inputs, *constants],
        [name],
        name=name,
        kernel_shape=list(conv.kernel_size),
        strides=list(conv.stride),
        pads=list_pads(conv),
        dilations=list(conv.dilation),
        group=conv.groups,
    )
    return _add_activation(layer, node, constants)


def list_pads(conv: nn.Conv2d) -> list[int]:
    """Above, left, below, right, as ONNX orders them."""
    if isinstance(conv, SameConv2d):
        first, last = conv.pads
        return [first, first, last, last]
    return [int(pad) for pad in conv.padding] * 2


def emit_fwht(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    fwht, name = layer.module, layer.name
    assert isinstance(fwht, FWHTLayer)
    gain, bias = _gain_and_bias(layer, fwht.out_channels)
    own, behind = _split_activation(layer)
    constants = {
        f"{name}.thresholds": _to_float32(fwht.thresholds).reshape(-1),
        f"{name}.scale": np.ones(fwht.n, np.float32) if fwht.scale is None else _to_float32(fwht.scale).reshape(-1),
        f"{name}.gain": _to_float32(gain),
        f"{name}.bias": _to_float32(bias),
    }
    node = make_fwht_layer_node(
        name,
        [*inputs, *constants],
        name,
        n=fwht.n,
        in_channels=fwht.in_channels,
        out_channels=fwht.out_channels,
        keep_dc=int(fwht.keep_dc),
        pool=fwht.pool,
        activation=own,
        paths=fwht.paths,
        soft=int(fwht.soft),
        block=fwht.block,
    )
    return [node, *behind], constants


def emit_mf(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    conv, name = layer.module, layer.name
    assert isinstance(conv, MFDepthwiseConv)
    gain, bias = _gain_and_bias(layer, conv.channels)
    own, behind = _split_activation(layer)
    constants = {
        f"{name}.weight": _to_float32(conv.weight),
        f"{name}.gain": _to_float32(gain),
        f"{name}.bias": _to_float32(bias),
    }
    node = make_mf_depthwise_conv_node(
        name,
        [*inputs, *constants],
        name,
        channels=conv.channels,
        operator=conv.operator,
        stride=conv.stride,
        padding=conv.padding,
        activation=own,
    )
    return [node, *behind], constants


def emit_fwht_2d(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    plane, name = layer.module, layer.name
    assert isinstance(plane, FWHT2D)
    gain, bias = _gain_and_bias(layer, plane.channels)
    own, behind = _split_activation(layer)
    constants = {
        f"{name}.thresholds": _to_float32(plane.thresholds).reshape(-1),
        f"{name}.scale": _to_float32(plane.scale).reshape(-1),
        f"{name}.gain": _to_float32(gain),
        f"{name}.bias": _to_float32(bias),
    }
    node = make_fwht_2d_node(
        name,
        [*inputs, *constants],
        name,
        n=plane.n,
        height=plane.height,
        width=plane.width,
        stride=plane.stride,
        keep_dc=int(plane.keep_dc),
        activation=own,
        paths=plane.paths,
        soft=int(plane.soft),
    )
    return [node, *behind], constants


def emit_linear(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    linear, name = layer.module, layer.name
    assert isinstance(linear, nn.Linear)
    bias = np.zeros(linear.out_features) if linear.bias is None else linear.bias
    constants = {f"{name}.weight": _to_float32(linear.weight), f"{name}.bias": _to_float32(bias)}
    return _add_activation(
        layer, helper.make_node("Gemm", [*inputs, *constants], [name], name=name, transB=1), constants
    )


def emit_add(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    return _add_activation(layer, helper.make_node("Add", inputs, [layer.name], name=layer.name), {})


def emit_mul(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    """Of two values of one shape, or of a map and a factor for each of its channels."""
    return [helper.make_node("Mul", inputs, [layer.name], name=layer.name)], {}


def emit_norm(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    """A BatchNorm that divides by 1 exactly, whose weight and bias are the gain and bias.

    An epsilon of 0 would do for ONNX Runtime, but cuDNN has a least one (1e-5). An inference needs no momentum; with
    less than 1 onnx's reference evaluator mixes in the batch's own mean (before opset 14).
    """
    assert layer.gain is not None and layer.bias is not None
    name, count = layer.name, len(layer.gain)
    constants = {
        f"{name}.gain": _to_float32(layer.gain),
        f"{name}.bias": _to_float32(layer.bias),
        f"{name}.mean": np.zeros(count, np.float32),
        f"{name}.variance": np.full(count, 1 - EPSILON, np.float32),
    }
    read = [*inputs, *constants]
    node = helper.make_node("BatchNormalization", read, [name], name=name, epsilon=EPSILON, momentum=1.0)
    return _add_activation(layer, node, constants)


def emit_squeeze(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    """The mean over height and width, (N, C, H, W) -> (N, C, 1, 1)."""
    return [helper.make_node("GlobalAveragePool", inputs, [layer.name], name=layer.name)], {}


def emit_pool(layer: FoldedLayer, inputs: list[str]) -> Emitted:
    """The mean over height and width, (N, C, H, W) -> (N, C)."""
    pool = helper.make_node("GlobalAveragePool", inputs, [layer.name], name=layer.name)
    return [pool, helper.make_node("Flatten", [layer.name], ["flatten"], name="flatten")], {}


EMITTERS: dict[str, Callable[[FoldedLayer, list[str]], Emitted]] = {
    "conv": emit_conv,
    "fwht": emit_fwht,
    "mf": emit_mf,
    "fwht_2d": emit_fwht_2d,
    "linear": emit_linear,
    "add": emit_add,
    "mul": emit_mul,
    "norm": emit_norm,
    "squeeze": emit_squeeze,
    "pool": emit_pool,
}
