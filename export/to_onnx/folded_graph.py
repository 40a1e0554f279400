"""A model as the list of layers an engine runs: BatchNorm and ReLU6 folded into the layer they follow.

For a BatchNorm with weight g, bias b, mean m and variance r behind a layer y = f(x):

    gain = g / sqrt(r + eps)        bias = b - gain m        BatchNorm(y) = gain y + bias

Behind a sum of layers each of them takes the gain, and the first one the bias; behind a sum of anything else the
BatchNorm is a layer of its own. What cannot be folded is refused, never dropped.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from export.models.same_convolution import SameConv2d
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv

HARD_SIGMOID, HARD_SWISH = 13, 16  # clip(x + 3, 0, 6) / 6, and x times that; not among the ops' own activations
ACTIVATIONS: dict[Any, int] = {
    F.relu: 1,
    torch.relu: 1,
    F.relu6: 6,
    F.hardsigmoid: HARD_SIGMOID,
    F.hardswish: HARD_SWISH,
}
KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    SameConv2d: "conv",
    FWHTLayer: "fwht",
    MFDepthwiseConv: "mf",
    FWHT2D: "fwht_2d",
    nn.Linear: "linear",
}
LEAVES = (FWHTLayer, MFDepthwiseConv, FWHT2D, SameConv2d)  # one ONNX op does what they do inside
FOLDABLE = ("conv", "fwht", "mf", "fwht_2d")  # take a BatchNorm and an activation; an addition takes an activation


@dataclass
class FoldedLayer:
    """One layer: `name` is the module path, `inputs` the names of the layers (or `image`) it reads.

    `gain` and `bias` (float64, per output channel) come from the BatchNorm folded in; `activation` 0, 1 (ReLU), 6
    (ReLU6), HARD_SIGMOID or HARD_SWISH is applied last. `module` is None for `op` "add", "mul", "norm" (gain and bias
    alone), "squeeze" and "pool" (means over height and width, (N, C, 1, 1) and (N, C)).
    """

    name: str
    op: str  # conv, fwht, mf, fwht_2d, linear, add, mul, norm, squeeze, pool
    inputs: list[str]
    module: nn.Module | None = None
    gain: np.ndarray | None = None
    bias: np.ndarray | None = None
    activation: int = 0


class Tracer(fx.Tracer):
    """Takes the ops, and convolutions that pad by themselves, for leaves."""

    def is_leaf_module(self, m: nn.Module, qualname: str) -> bool:
        return isinstance(m, LEAVES) or super().is_leaf_module(m, qualname)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        """With the path of the module whose `forward` calls it."""
        node = super().create_node(*args, **kwargs)
        node.meta["caller"] = self.scope.module_path
        return node


def fold_graph(model: nn.Module) -> list[FoldedLayer]:
    """The layers of `model` in the order they run; the last one makes the logits.

    Raises ValueError, naming the place, for a module or function the exporter does not know.
    """
    graph = Tracer().trace(model)
    made: dict[fx.Node, FoldedLayer | None] = {}
    layers: list[FoldedLayer] = []
    for node in graph.nodes:
        if node.op == "output":
            continue
        if node.op == "placeholder":
            made[node] = None
            continue
        sources = [made[argument] for argument in node.all_input_nodes]
        folded = _fold(model, node, sources, made)
        if folded is None:
            folded = _make_layer(model, node, ["image" if s is None else s.name for s in sources], layers)
            layers.append(folded)
        made[node] = folded
    return layers


def _fold(
    model: nn.Module, node: fx.Node, sources: list[FoldedLayer | None], made: dict[fx.Node, FoldedLayer | None]
) -> FoldedLayer | None:
    """The layer that takes this BatchNorm or activation into itself, None where `node` is a layer of its own."""
    module = model.get_submodule(str(node.target)) if node.op == "call_module" else None
    activation = ACTIVATIONS.get(node.target, 0) if node.op == "call_function" else 0
    if not activation and not isinstance(module, nn.BatchNorm2d):
        return None
    source = sources[0]
    if isinstance(module, nn.BatchNorm2d) and source is not None and source.op == "add" and not source.activation:
        return _fold_into_sum(node.all_input_nodes[0], module, made)
    shared = len(node.all_input_nodes[0].users) > 1
    takers = (*FOLDABLE, "linear", "add", "norm") if activation else FOLDABLE
    if source is None or source.op not in takers or source.activation or shared:
        raise ValueError(f"{node.name} cannot be folded: it must be the only reader of a convolution or FWHT layer")
    if activation:
        source.activation = activation
    elif isinstance(module, nn.BatchNorm2d):
        if source.gain is not None:
            raise ValueError(f"{node.name} cannot be folded: {source.name} has a BatchNorm already")
        source.gain, source.bias = compute_gain_and_bias(module)
    return source


def _fold_into_sum(total: fx.Node, bn: nn.BatchNorm2d, made: dict[fx.Node, FoldedLayer | None]) -> FoldedLayer | None:
    """The addition `total` where all that it adds up took the gain; None where that could not be, nothing changed."""
    terms = _list_terms(total, made)
    if terms is None:
        return None
    gain, bias = compute_gain_and_bias(bn)
    for term in terms:
        term.gain, term.bias = gain, np.zeros_like(bias)
    terms[0].bias = bias
    return made[total]


def _list_terms(node: fx.Node, made: dict[fx.Node, FoldedLayer | None]) -> list[FoldedLayer] | None:
    """The layers whose sum `node` is; None where one of them cannot take a gain, or is read elsewhere."""
    layer = made[node]
    if layer is None or len(node.users) > 1 or layer.activation or layer.gain is not None:
        return None
    if layer.op != "add":
        return [layer] if layer.op in FOLDABLE else None
    parts = [_list_terms(part, made) for part in node.all_input_nodes]
    known = [part for part in parts if part is not None]
    return [term for part in known for term in part] if len(known) == 2 else None


def compute_gain_and_bias(bn: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """BatchNorm in eval mode as gain * y + bias, float64 (channels,)."""
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("a BatchNorm without running statistics cannot be exported")
    gain = bn.weight.detach().double() / torch.sqrt(bn.running_var.double() + bn.eps)
    return gain.numpy(), (bn.bias.detach().double() - gain * bn.running_mean.double()).numpy()


def _make_layer(model: nn.Module, node: fx.Node, inputs: list[str], layers: list[FoldedLayer]) -> FoldedLayer:
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        if isinstance(module, nn.BatchNorm2d):
            gain, bias = compute_gain_and_bias(module)
            return FoldedLayer(str(node.target), "norm", inputs, gain=gain, bias=bias)
        if type(module) in KINDS:
            return FoldedLayer(str(node.target), KINDS[type(module)], inputs, module)
        raise ValueError(f"{node.target} is a {type(module).__name__}, which the exporter does not know")
    if node.target is operator.add and len(inputs) == 2:
        return FoldedLayer(_name_call(node, "add", layers), "add", inputs)
    if node.target is operator.mul and len(inputs) == 2:
        return FoldedLayer(_name_call(node, "mul", layers), "mul", inputs)
    if node.op == "call_method" and node.target == "mean" and node.kwargs.get("dim") == (2, 3):
        if node.kwargs.get("keepdim"):
            return FoldedLayer(_name_call(node, "squeeze", layers), "squeeze", inputs)
        return FoldedLayer("pool", "pool", inputs)
    raise ValueError(f"{node.name} calls {node.target}, which the exporter does not know")


def _name_call(node: fx.Node, what: str, layers: list[FoldedLayer]) -> str:
    """As in "blocks.3.add", by the module that calls it; its second one is "blocks.3.add2"."""
    name = f"{node.meta['caller']}.{what}"
    before = sum(layer.op == what and layer.name.startswith(name) for layer in layers)
    return f"{name}{before + 1}" if before else name
