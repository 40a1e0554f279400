"""Which ONNX nodes a layer of a TensorRT engine is made of.

TensorRT names what it fused by the names of its parts: "stem + stem_relu6", "PWN(head_relu6)", "a || b",
"{ForeignNode[a...b]}" for a whole block of the graph; from 8.6 on the inspector also lists them as "Metadata". A
layer that only moves data ("Reformatting CopyNode for Input Tensor 0 to stem") names the layer it works for, but is not
that layer's work: it belongs to no node and is reported under TensorRT's own name.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Set

from ..profiling.build_report import ReportLayer, is_activation

METADATA = re.compile(r"\[ONNX Layer: ([^\]\x1e\x1f]+)\]")
BLOCK = re.compile(r"ForeignNode\[(.+?)\.\.\.(.+?)\]")
MOVE = re.compile(r"reformat|CopyNode|HostToDeviceCopy|DeviceToHostCopy|\bcopy\b", re.IGNORECASE)


def make_card_layers(inspected: Sequence[Any], nodes: Mapping[str, str]) -> List[Dict[str, Any]]:
    """The card's `layers`: `name` as the profiler reports it, `op`, `onnx_nodes`.

    inspected: what Engine.inspect_layers returned. nodes: op by name of the ONNX graph's nodes, in
    the graph's order. A node that no layer names was fused without a trace: it is counted to the layer whose node it is
    the activation of ("stem_relu6" of "stem").
    """
    layers = [layer if isinstance(layer, dict) else {"Name": layer} for layer in inspected]
    owned = [_named(layer, nodes) for layer in layers]
    _fill_blocks(layers, owned, list(nodes))
    claimed: Set[str] = {name for names in owned for name in names}
    for name in nodes:
        if name not in claimed:
            owners = (names for names in owned if any(is_activation(nodes[name], name, owner) for owner in names))
            next(owners, []).append(name)
    order = {name: i for i, name in enumerate(nodes)}
    return [_layer(layer, sorted(set(names), key=order.__getitem__), nodes) for layer, names in zip(layers, owned)]


def find_report_layers(card: Sequence[Mapping[str, Any]], names: Sequence[str]) -> List[ReportLayer]:
    """The layer of each name that the profiler reported. Engine layers of the same nodes are one layer; a name that the
    card does not have stands for itself."""
    known = {str(entry["name"]): entry for entry in card}
    made: Dict[Any, ReportLayer] = {}
    found = []
    for name in names:
        entry = known.get(name, {"op": "unknown", "onnx_nodes": []})
        nodes = [str(node) for node in entry["onnx_nodes"]]
        key = tuple(nodes) or name
        found.append(made.setdefault(key, ReportLayer(nodes[0] if nodes else name, str(entry["op"]), nodes)))
    return found


def _named(layer: Mapping[str, Any], nodes: Mapping[str, str]) -> List[str]:
    name = str(layer["Name"])
    if MOVE.search(name) or str(layer.get("LayerType", "")).lower() == "reformat":
        return []
    listed = [node for node in METADATA.findall(str(layer.get("Metadata", ""))) if node in nodes]
    return listed or [word for word in re.findall(r"[\w./-]+", name.replace("...", " ")) if word in nodes]


def _fill_blocks(layers: Sequence[Mapping[str, Any]], owned: List[List[str]], order: Sequence[str]) -> None:
    """A block of which only the ends are named has all nodes between them which no other layer has."""
    taken = {name for names in owned for name in names}
    for layer, names in zip(layers, owned):
        ends = BLOCK.search(str(layer["Name"]))
        if ends and all(end in order for end in ends.groups()) and not layer.get("Metadata"):
            first, last = sorted(order.index(end) for end in ends.groups())
            names += [name for name in order[first : last + 1] if name not in taken]


def _layer(layer: Mapping[str, Any], names: List[str], nodes: Mapping[str, str]) -> Dict[str, Any]:
    op = nodes[names[0]] if names else str(layer.get("LayerType") or "unknown")
    return {"name": str(layer["Name"]), "op": op, "onnx_nodes": names}
