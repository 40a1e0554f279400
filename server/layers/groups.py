"""Which layers of two sides do the same work: the connected components of layers that share ONNX nodes.

An engine fuses "stem" and "stem_relu6" where another runs them apart; both then stand in one group, and the group's
times are compared. So do "conv2" of one side and "conv2.paths.1.mix", "conv2.add" and "conv2_bn" of the other, which
has them in its place. A layer of no node ("blocks.0.add -> blocks.1.expand") is matched by its name and op. What has no
counterpart is listed with the reason:

- the kernels of a block that TensorRT compiled as one name no nodes, unless a layer list does;
- names that an exporter counted ("Conv_9") mean another layer in another file. They are used only where the two sides
  number alike: no number stands for two ops, and nearly all such names are on both sides.

Two sides with the very same list of layers are two runs of one engine, and matched name by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from .tensorrt_names import is_numbered, parse_number
from .times import Side, TimedLayer

ALIKE = 0.9  # share of the numbered names that must be on both sides

Key = Tuple[str, ...]


@dataclass(frozen=True)
class Group:
    name: str
    a: Tuple[TimedLayer, ...]
    b: Tuple[TimedLayer, ...]


@dataclass(frozen=True)
class Unmatched:
    layer: TimedLayer
    reason: str


@dataclass(frozen=True)
class Matching:
    """groups: in the order of A's layers. notes: what a reader must know of how they were found."""

    groups: Tuple[Group, ...]
    only_a: Tuple[Unmatched, ...]
    only_b: Tuple[Unmatched, ...]
    notes: Tuple[str, ...]


def match(a: Side, b: Side) -> Matching:
    same_engine = [layer.name for layer in a.layers] == [layer.name for layer in b.layers]
    problem = None if same_engine else why_other_numbering(a, b)
    wholes = _find_wholes(a, b)
    sides = [
        [_find_keys(layer, place, same_engine, problem is not None, wholes) for place, layer in enumerate(side.layers)]
        for side in (a, b)
    ]
    components = _find_components([keys for side in sides for keys in side])
    members: Dict[int, Tuple[List[TimedLayer], List[TimedLayer]]] = {}
    for place, (layer, component) in enumerate(zip([*a.layers, *b.layers], components)):
        members.setdefault(component, ([], []))[place >= len(a.layers)].append(layer)
    groups = [Group(_name_group(left), tuple(left), tuple(right)) for left, right in members.values() if left and right]
    alone = [
        tuple(
            Unmatched(layer, _why_unmatched(layer, problem))
            for pair in members.values()
            if not pair[1 - side]
            for layer in pair[side]
        )
        for side in (0, 1)
    ]
    return Matching(tuple(groups), alone[0], alone[1], tuple(_make_notes(a, b, problem, same_engine)))


def why_other_numbering(a: Side, b: Side) -> Optional[str]:
    """Why names like "Conv_9" cannot be what the sides have in common; None where they can."""
    numbered = [{node for layer in side.layers for node in layer.nodes if is_numbered(node)} for side in (a, b)]
    if not all(numbered):
        return None
    ops: List[Dict[int, Set[str]]] = [{}, {}]
    for names, by_number in zip(numbered, ops):
        for found in filter(None, map(parse_number, names)):
            by_number.setdefault(found[0], set()).add(found[1])
    if all(len(same) == 1 for by_number in ops for same in by_number.values()):  # one counter for all ops
        for count in sorted(ops[0].keys() & ops[1].keys()):
            if ops[0][count] != ops[1][count]:
                return f"number {count} is {min(ops[0][count])}_{count} in A and {min(ops[1][count])}_{count} in B"
    blocks = [any(layer.block for layer in side.layers) for side in (a, b)]
    missing = (set() if blocks[1] else numbered[0] - numbered[1]) | (set() if blocks[0] else numbered[1] - numbered[0])
    everything = numbered[0] | numbered[1]
    if len(missing) > (1 - ALIKE) * len(everything):
        return f"{len(missing)} of {len(everything)} such names, as {min(missing)}, are on one side only"
    return None


def _find_wholes(a: Side, b: Side) -> Dict[str, str]:
    """Nodes of one side alone, and the node of the other side alone in whose place they stand, by their names."""
    nodes = [{node for layer in side.layers for node in layer.nodes} for side in (a, b)]
    wholes: Dict[str, str] = {}
    for own, other in (nodes, nodes[::-1]):
        alone = other - own
        for node in own - other:
            parts = (node[:-3] if node.endswith("_bn") else node).split(".")
            above = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
            whole = next((name for name in above if name in alone), None)
            if whole is not None:
                wholes[node] = whole
    return wholes


def _find_keys(
    layer: TimedLayer, place: int, same_engine: bool, without_numbers: bool, wholes: Dict[str, str]
) -> List[Key]:
    nodes = [node for node in layer.nodes if not (without_numbers and is_numbered(node))]
    if nodes:
        return [("node", name) for name in dict.fromkeys(wholes.get(node, node) for node in nodes)]
    if same_engine:
        return [("place", str(place))]
    if layer.nodes or layer.block and "..." not in layer.block:
        return []
    return [("block", layer.block)] if layer.block else [("name", layer.name, layer.op)]


def _find_components(keys: Sequence[Sequence[Key]]) -> List[int]:
    """The component of each list of keys: those that share one are in the same. Numbered by their first member."""
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: Dict[Key, int] = {}
    for i, own in enumerate(keys):
        for key in own:
            left, right = sorted((root(first.setdefault(key, i)), root(i)))
            parent[right] = left
    return [root(i) for i in range(len(keys))]


def _name_group(layers: Sequence[TimedLayer]) -> str:
    own = [layer for layer in layers if not layer.helper] or layers
    return own[0].name if len(own) == 1 else f"{own[0].name} and {len(own) - 1} more"


def _why_unmatched(layer: TimedLayer, problem: Optional[str]) -> str:
    if layer.block:
        return "part of a block that TensorRT compiled as one: it cannot be split, its ONNX nodes are not named"
    if problem and any(map(is_numbered, layer.nodes)):
        return "named by the exporter's numbers, which differ"
    if not layer.nodes:
        return "work of no ONNX node"
    return "no layer of the other side has one of its ONNX nodes"


def _make_notes(a: Side, b: Side, problem: Optional[str], same_engine: bool) -> List[str]:
    notes = []
    if problem:
        notes.append(
            f"Names that the exporter counted were not used, the two are not of the same ONNX file: {problem}."
        )
    elif not same_engine and any(is_numbered(node) for layer in a.layers for node in layer.nodes):
        notes.append("Names such as Conv_9 were matched as those of one ONNX file: nothing speaks against it.")
    for name, side in (("A", a), ("B", b)):
        blocks = sum(layer.times.ms for layer in side.layers if layer.block)
        if blocks > 0.05 * side.sum.ms:
            notes.append(
                f"{blocks / side.sum.ms:.0%} of {name} are blocks that TensorRT compiled as one and cannot be split. A"
                " layer list (--exportLayerInfo) of an engine built with --profilingVerbosity=detailed may name their"
                " nodes."
            )
    return notes
