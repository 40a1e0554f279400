"""Which layer of the model a node of ONNX Runtime's optimised graph belongs to.

A layer is a node of the exported graph with its name, together with the activation that follows it (`<layer>_relu6`).
ONNX Runtime changes that graph: it inlines functions and drops the caller's name, fuses a convolution with the Clip or
the Add after it, computes in a blocked layout with tensors of its own names, and puts nodes between that reorder. What
survives, and what is used here in this order:

1. a node's own name, or its name with something appended: `<output tensor>_nchwc` for a blocked convolution;
2. the name of an output tensor: an inlined function's last node writes the tensor that its caller wrote;
3. inner nodes belong to the layer of all their consumers, if that is one layer;
4. a node that only moves data belongs to a layer if both of its sides do. Otherwise it lies between layers, and stands
   for itself: it has a name like "blocks.0.add -> blocks.1.expand" and no ONNX nodes.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Set

import onnx

from .build_report import ReportLayer, is_activation

MOVES = ("ReorderInput", "ReorderOutput", "MemcpyFromHost", "MemcpyToHost", "Transpose")


def attribute_nodes(exported: onnx.GraphProto, optimised: onnx.GraphProto) -> List[ReportLayer]:
    """The layer of each node of the optimised graph, in its order.

    An exported node that no optimised node stands for was fused into another: it is added to that one's `nodes`.
    """
    origins = _Origins(exported)
    graph = _Graph(optimised.node)
    owners = [origins.find(node) for node in optimised.node]
    after: List[Set[ReportLayer]] = [set() for _ in owners]
    for i in reversed(range(len(owners))):  # the nodes are in topological order
        for consumer in graph.consumers(i):
            owner = owners[consumer]
            after[i] |= {owner} if owner else after[consumer]
        if owners[i] is None and optimised.node[i].op_type not in MOVES and len(after[i]) == 1:
            (owners[i],) = after[i]
    before: List[Set[ReportLayer]] = [set() for _ in owners]
    for i, node in enumerate(optimised.node):
        for producer in graph.producers(i):
            owner = owners[producer]
            before[i] |= {owner} if owner else before[producer]
        if owners[i] is None and node.op_type in MOVES and before[i] == after[i] and len(after[i]) == 1:
            (owners[i],) = after[i]
    origins.add_fused(owners)
    between = _LayersBetween()
    return [owner or between.find_or_make(optimised.node[i], before[i], after[i]) for i, owner in enumerate(owners)]


class _Graph:
    """Which nodes of a list write and read each tensor."""

    def __init__(self, nodes: Sequence[onnx.NodeProto]) -> None:
        self._nodes = nodes
        self._writer = {output: i for i, node in enumerate(nodes) for output in node.output if output}
        self._readers: Dict[str, List[int]] = {}
        for i, node in enumerate(nodes):
            for name in node.input:
                self._readers.setdefault(name, []).append(i)

    def producers(self, i: int) -> List[int]:
        return [self._writer[name] for name in self._nodes[i].input if name in self._writer]

    def consumers(self, i: int) -> List[int]:
        return [reader for name in self._nodes[i].output for reader in self._readers.get(name, [])]


class _Origins:
    """The layers of the exported graph, found by the names of its nodes and tensors."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._layers: List[ReportLayer] = []
        self._inputs: Dict[ReportLayer, List[str]] = {}
        self._by_node: Dict[str, ReportLayer] = {}
        self._by_tensor: Dict[str, ReportLayer] = {}
        for node in graph.node:
            if node.op_type != "Constant":
                self._add(node)

    def _add(self, node: onnx.NodeProto) -> None:
        name = node.name or node.output[0]
        layer = self._by_tensor.get(node.input[0]) if node.input else None
        if layer is None or not is_activation(node.op_type, name, layer.name):
            layer = ReportLayer(name, node.op_type, [])
            self._layers.append(layer)
            self._inputs[layer] = list(node.input)
        layer.nodes.append(name)
        self._by_node[name] = layer
        self._by_tensor.update(dict.fromkeys(node.output, layer))

    def find(self, node: onnx.NodeProto) -> Optional[ReportLayer]:
        name = node.name
        while name:
            layer = self._by_node.get(name) or self._by_tensor.get(name)
            if layer:
                return layer
            name = name.rpartition("_")[0]
        if node.op_type in MOVES:  # it may write a layer's tensor, but not as that layer's work
            return None
        return next((self._by_tensor[output] for output in node.output if output in self._by_tensor), None)

    def add_fused(self, owners: Sequence[Optional[ReportLayer]]) -> None:
        """Add the nodes of layers that own no optimised node to the last of the layers they read from."""
        last = {owner: i for i, owner in enumerate(owners) if owner}
        holder = {layer: layer for layer in last}
        for layer in self._layers:
            if layer in holder or not last:
                continue
            sources = {holder[s] for s in map(self._by_tensor.get, self._inputs[layer]) if s in holder}
            holder[layer] = max(sources, key=last.__getitem__) if sources else min(last, key=last.__getitem__)
            holder[layer].nodes += layer.nodes


class _LayersBetween:
    """Layers made up for nodes that belong to none; nodes of one op between the same layers share one."""

    def __init__(self) -> None:
        self._made: Dict[str, ReportLayer] = {}

    def find_or_make(self, node: onnx.NodeProto, before: Set[ReportLayer], after: Set[ReportLayer]) -> ReportLayer:
        sides = [", ".join(sorted(layer.name for layer in side)) for side in (before, after)]
        name = f"{sides[0] or 'input'} -> {sides[1] or 'output'}"
        return self._made.setdefault(f"{node.op_type} {name}", ReportLayer(name, node.op_type, []))
