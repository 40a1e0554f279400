"""The ONNX nodes in the names that TensorRT gives its layers.

    a + b, a || b                       fused into one kernel, or computed side by side in one
    PWN(a, b), PWN(PWN(a), b)           pointwise operations in one kernel
    2-layer MLP: a + b -> c
    {ForeignNode[a...b]}                a block that was compiled as one: only its ends are named
    __myl_MulAdd_myl3_1, x_myl3_2       kernels of such a block: what they compute is not named
    Reformatting CopyNode for Input Tensor 0 to a, reshape_after_a      work that TensorRT added for a
    a [profile 1]                       a, for the second optimisation profile

Seen in profiles and layer lists of TensorRT 8.0 to 10.15. From 8.6 on the layer list of an engine that was built with
detailed verbosity lists a layer's nodes as "Metadata": "[ONNX Layer: a]", several of them with the control characters
1E or 1F between them, or nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

PROFILE = re.compile(r" \[profile \d+\]$")
HELPER = re.compile(
    r"(?:Reformatting CopyNode for (?:Input|Output) Tensor \d+ to"
    r"|(?:reshape|squeeze|copied_squeeze|unsqueeze_node|transpose|shuffle)_(?:after|before|between)_)\s*(?P<of>.+)"
)
BLOCK = re.compile(r"\{ForeignNode\[(?P<ends>.+)\]\}")
KERNEL = re.compile(r"^__myl_|_myl\d+_\d+$")
CHAIN = re.compile(r"^\d+-layer MLP: ")
MADE_UP = re.compile(r"\(Unnamed Layer\*|^ONNXTRT_")  # counted by the parser: another name in every network
NUMBERED = re.compile(r"(?P<op>[A-Z][A-Za-z]*)_{1,2}(?P<number>\d+)|node_(?P<torch>\w+)")
METADATA = re.compile(r"\[ONNX Layer: (.*?)\](?=[\x1e\x1f\[]|$)")


@dataclass(frozen=True)
class NameParts:
    """What a layer's name says. nodes: ONNX names, weights among them. helper: it moves data for them. block: the ends
    ("a...b") or the name of a block, whose nodes are not named."""

    nodes: Tuple[str, ...]
    helper: bool = False
    block: Optional[str] = None


def parse_name(name: str) -> NameParts:
    name = PROFILE.sub("", name).strip()
    helper = HELPER.fullmatch(name)
    if helper:
        of = parse_name(helper["of"])
        return NameParts(of.nodes, True, of.block)
    block = BLOCK.search(name)
    if block:
        ends = block["ends"]
        return NameParts((), block=ends) if "..." in ends else NameParts((ends,))
    if KERNEL.search(name):
        return NameParts((), block=name)
    return NameParts(tuple(dict.fromkeys(_find_leaves(name))))


def parse_metadata(text: str) -> Tuple[str, ...]:
    """The nodes that a layer's "Metadata" lists; none where it lists none."""
    return tuple(dict.fromkeys(METADATA.findall(text)))


def is_numbered(name: str) -> bool:
    """Whether an exporter counted to make up the name ("Conv_9"): it is then another layer's in another file."""
    return NUMBERED.fullmatch(name) is not None


def parse_number(name: str) -> Optional[Tuple[int, str]]:
    """The 9 and the "Conv" of "Conv_9", None for other names."""
    found = NUMBERED.fullmatch(name)
    return (int(found["number"]), found["op"]) if found and found["op"] else None


def _find_leaves(name: str) -> List[str]:
    if CHAIN.match(name):
        return [leaf for part in CHAIN.sub("", name).split(" -> ") for leaf in _find_leaves(part)]
    leaves: List[str] = []
    for part in _split(name, (" + ", " || ")):
        if part.startswith("PWN(") and part.endswith(")"):
            leaves += [leaf for inner in _split(part[4:-1], (", ", " + ", " || ")) for leaf in _find_leaves(inner)]
        elif HELPER.fullmatch(part):
            leaves += parse_name(part).nodes
        elif part and not MADE_UP.search(part):
            leaves.append(part)
    return leaves


def _split(text: str, separators: Tuple[str, ...]) -> List[str]:
    """At the separators that stand outside of parentheses."""
    found, depth, begin = [], 0, 0
    for token in re.finditer("|".join(map(re.escape, ("(", ")", *separators))), text):
        if token[0] in "()":
            depth += 1 if token[0] == "(" else -1
        elif depth <= 0:
            found.append(text[begin : token.start()].strip())
            begin = token.end()
    return [*found, text[begin:].strip()]
