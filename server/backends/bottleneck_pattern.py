"""Which nodes of a graph are a bottleneck that one op can take the place of."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

import onnx
from onnx import helper, numpy_helper

LAYER, LAYER_ADD, MF_CONVOLUTION = "FWHTLayer", "FWHTLayerAdd", "MFDepthwiseConv"
LAYER_DEFAULTS = {"keep_dc": 1, "activation": 0, "paths": 1, "soft": 0}
SIZE = 3  # of the windows
PADS = [1, 1, 1, 1]


class Bottleneck(NamedTuple):
    """The nodes in their order, and the attributes of the op that takes their place."""

    expand: onnx.NodeProto
    depthwise: onnx.NodeProto
    project: onnx.NodeProto
    nodes: List[onnx.NodeProto]  # with activation and Add
    attributes: Dict[str, int]

    def filter_inputs(self, make_constant: Callable[[str, float], str]) -> List[str]:
        """The depthwise convolution's weight, gain and bias, with constants where it has none."""
        inputs = list(self.depthwise.input)
        if self.depthwise.op_type == MF_CONVOLUTION:
            return inputs[1:4]
        bias = inputs[2] if len(inputs) > 2 and inputs[2] else make_constant("bias", 0.0)
        return [inputs[1], make_constant("gain", 1.0), bias]

    def make_layer_nodes(self) -> List[onnx.NodeProto]:
        """A node for each of the three layers, from tensor to tensor as in the graph that was exported."""
        before_project = self.nodes[self.nodes.index(self.project) - 1]
        ends = ((self.expand, self.expand), (self.depthwise, before_project), (self.project, self.nodes[-1]))
        return [
            helper.make_node(first.op_type, [first.input[0]], [last.output[0]], name=first.name, domain=first.domain)
            for first, last in ends
        ]


class Graph:
    """A graph with what reads and writes each tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.constants = {each.name: each for each in graph.initializer}
        for each in graph.input:  # one that may be fed is no constant
            self.constants.pop(each.name, None)
        self._outputs = {each.name for each in graph.output}
        self._readers: Dict[str, List[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def only_reader(self, node: onnx.NodeProto) -> Optional[onnx.NodeProto]:
        """The one node that reads the one output of this one, None where it is read elsewhere, too."""
        if len(node.output) != 1 or node.output[0] in self._outputs:
            return None
        readers = self._readers.get(node.output[0], [])
        return readers[0] if len(readers) == 1 else None

    def shape(self, name: str) -> Optional[List[int]]:
        """The shape of a constant of float32, else None."""
        found = self.constants.get(name)
        return list(found.dims) if found is not None and found.data_type == onnx.TensorProto.FLOAT else None

    def value(self, name: str) -> Optional[float]:
        """The value of a constant that is a single number, else None."""
        return float(numpy_helper.to_array(self.constants[name]).item()) if self.shape(name) in ([], [1]) else None


def find_bottlenecks(graph: onnx.GraphProto) -> List[Bottleneck]:
    """All of them, in the order of the graph; none where a node has no name, by which they are told apart."""
    names = [node.name for node in graph.node]
    if not all(names) or len(set(names)) < len(names):
        return []
    wrapped = Graph(graph)
    found = (_match(wrapped, node) for node in graph.node if node.op_type == LAYER)
    return _without_overlaps([each for each in found if each])


def _without_overlaps(found: List[Bottleneck]) -> List[Bottleneck]:
    """A project layer could be the expand layer of a next one: whoever comes first keeps it."""
    used: Set[str] = set()
    kept = []
    for each in found:
        names = {node.name for node in each.nodes}
        if not names & used:
            used |= names
            kept.append(each)
    return kept


def _match(graph: Graph, expand: onnx.NodeProto) -> Optional[Bottleneck]:
    first = _read_layer(graph, expand, "expand")
    depthwise = graph.only_reader(expand)
    if first is None or depthwise is None:
        return None
    middle = _read_depthwise(graph, depthwise, first["out_channels"])
    if middle is None:
        return None
    attributes, nodes = middle
    project = graph.only_reader(nodes[-1])
    last = None if project is None else _read_layer(graph, project, "project")
    if project is None or last is None or project.input[0] != nodes[-1].output[0]:
        return None
    nodes = [expand, *nodes, project]
    add = graph.only_reader(project)
    adds_inside = project.op_type == LAYER_ADD
    if adds_inside and project.input[5] != expand.input[0]:
        return None
    adds_behind = not adds_inside and not last["project_activation"] and _adds(add, project, expand.input[0])
    residual = int((adds_inside or adds_behind) and attributes["stride"] == 1)
    if adds_inside and not residual:
        return None
    if adds_behind and residual and add is not None:
        nodes.append(add)
    sizes = {"hidden_channels": first.pop("out_channels"), "out_channels": last.pop("out_channels")}
    return Bottleneck(expand, depthwise, project, nodes, {**sizes, **first, **attributes, **last, "residual": residual})


def _adds(add: Optional[onnx.NodeProto], project: onnx.NodeProto, x: str) -> bool:
    return (
        add is not None
        and add.op_type == "Add"
        and add.domain == ""
        and sorted(add.input) == sorted([project.output[0], x])
    )


def _read_layer(graph: Graph, node: onnx.NodeProto, prefix: str) -> Optional[Dict[str, int]]:
    """`out_channels`, and the other attributes under their names in the fused op; None where it is no such layer."""
    if node.domain != "fwht" or node.op_type not in ((LAYER,) if prefix == "expand" else (LAYER, LAYER_ADD)):
        return None
    found = read_attributes(node)
    whole = found.get("pool", 1) == 1 and found.get("block", 0) == 0
    if not whole or any(graph.shape(name) is None for name in node.input[1:5]):
        return None
    values = {name: found.get(name, default) for name, default in LAYER_DEFAULTS.items()}
    return {"out_channels": found["out_channels"], **{f"{prefix}_{name}": value for name, value in values.items()}}


def _read_depthwise(
    graph: Graph, node: onnx.NodeProto, channels: int
) -> Optional[Tuple[Dict[str, int], List[onnx.NodeProto]]]:
    """Its attributes in the fused op, and its nodes: it and the activation behind it."""
    kinds = {("", "Conv"): 0, ("fwht", MF_CONVOLUTION): 1}
    kind = kinds.get((node.domain, node.op_type))
    found = read_attributes(node)
    strides = list(found.get("strides", [1, 1]))
    if (
        kind is None
        or any(graph.shape(name) is None for name in node.input[1:] if name)
        or graph.shape(node.input[1]) != [channels, 1, SIZE, SIZE]
        or found.get("group", 1) != channels
        or list(found.get("pads", [0] * 4)) != PADS
        or list(found.get("dilations", [1, 1])) != [1, 1]
        or found.get("auto_pad", b"NOTSET") != b"NOTSET"
        or strides not in ([1, 1], [2, 2])
    ):
        return None
    attributes = {"stride": strides[0], "operator": found.get("operator", 1) if kind else 0}
    if kind:
        return {**attributes, "activation": found.get("activation", 0)}, [node]
    behind = graph.only_reader(node)
    activation = _read_activation(graph, behind)
    nodes = [node] if not activation or behind is None else [node, behind]
    return {**attributes, "activation": activation}, nodes


def _read_activation(graph: Graph, node: Optional[onnx.NodeProto]) -> int:
    """1 for Relu, 6 for a Clip from 0 to 6, else 0."""
    if node is None or node.domain != "":
        return 0
    if node.op_type == "Relu":
        return 1
    if node.op_type == "Clip" and len(node.input) == 3 and [graph.value(n) for n in node.input[1:]] == [0.0, 6.0]:
        return 6
    return 0


def read_attributes(node: onnx.NodeProto) -> Dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
