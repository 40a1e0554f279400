"""Reading an ONNX file without the onnx package, which a Jetson need not have: what building an engine asks of it.

An ONNX file is a protobuf message, a row of fields: a key (number * 8 + wire type) and a value. The numbers are those
of ModelProto, GraphProto, NodeProto and StringStringEntryProto in onnx.proto (onnx 1.16). Standard library only.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Tuple

MODEL_GRAPH, MODEL_METADATA, MODEL_FUNCTIONS = 7, 14, 25
GRAPH_NODE = 1
NODE_NAME, NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 3, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_INT = 1, 3
ENTRY_KEY, ENTRY_VALUE = 1, 2
STANDARD_DOMAINS = ("", "ai.onnx")
LENGTH_DELIMITED = 2
FIXED_SIZES = {1: 8, 5: 4}  # wire type: bytes
LONGEST_VARINT = 10  # bytes, of 64 bits


class Field(NamedTuple):
    """One field of a message: its number, and where it and its value lie in the data."""

    number: int
    start: int
    value_start: int
    end: int


class Node(NamedTuple):
    """A node of the graph, and its attributes that are integers."""

    name: str
    op_type: str
    domain: str
    integers: Dict[str, int]

    @property
    def is_custom(self) -> bool:
        """Whether it is none of ONNX's own operators, so that TensorRT needs a plugin for it."""
        return self.domain not in STANDARD_DOMAINS


def remove_functions(data: bytes) -> bytes:
    """The model without its function bodies, so that TensorRT takes the plugins; all else byte for byte.

    Raises ValueError where the data is no protobuf message.
    """
    return b"".join(data[f.start : f.end] for f in read_fields(data) if f.number != MODEL_FUNCTIONS)


def read_metadata(data: bytes) -> Dict[str, str]:
    """The metadata properties."""
    return dict(_read_entry(data, field) for field in read_fields(data) if field.number == MODEL_METADATA)


def read_nodes(data: bytes) -> List[Node]:
    """The nodes of the graph, in their order, without those in function bodies."""
    graphs = [field for field in read_fields(data) if field.number == MODEL_GRAPH]
    return [
        _read_node(data, field)
        for graph in graphs
        for field in read_fields(data, graph.value_start, graph.end)
        if field.number == GRAPH_NODE
    ]


def read_fields(data: bytes, start: int = 0, end: int = -1) -> Iterator[Field]:
    """The fields of the message in data[start:end]. Raises ValueError where one is broken or reaches beyond the end."""
    end = len(data) if end < 0 else end
    at = start
    while at < end:
        key, value = _read_varint(data, at, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == LENGTH_DELIMITED:
            length, value = _read_varint(data, value, end)
            following = value + length
        elif wire_type == 0:
            _, following = _read_varint(data, value, end)
        elif wire_type in FIXED_SIZES:
            following = value + FIXED_SIZES[wire_type]
        else:
            raise ValueError(f"no ONNX file: byte {at} begins a field of wire type {wire_type}, which does not exist")
        if number == 0 or following > end:
            raise ValueError(f"no ONNX file, or a truncated one: the field at byte {at} ends at {following} of {end}")
        yield Field(number, at, value, following)
        at = following


def _read_varint(data: bytes, at: int, end: int) -> Tuple[int, int]:
    """The number at `at`, and where what follows it begins."""
    value = 0
    for i, byte in enumerate(data[at : min(at + LONGEST_VARINT, end)]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError(f"no ONNX file, or a truncated one: the number at byte {at} does not end")


def _read_texts(data: bytes, message: Field) -> Dict[int, str]:
    """The length-delimited fields of a small message that are text, the last of each number."""
    found: Dict[int, str] = {}
    for field in read_fields(data, message.value_start, message.end):
        found[field.number] = data[field.value_start : field.end].decode("utf-8", "replace")
    return found


def _read_entry(data: bytes, field: Field) -> Tuple[str, str]:
    texts = _read_texts(data, field)
    return texts.get(ENTRY_KEY, ""), texts.get(ENTRY_VALUE, "")


def _read_node(data: bytes, field: Field) -> Node:
    texts = _read_texts(data, field)
    integers = dict(
        found
        for attribute in read_fields(data, field.value_start, field.end)
        if attribute.number == NODE_ATTRIBUTE
        for found in _read_integer(data, attribute)
    )
    return Node(texts.get(NODE_NAME, ""), texts.get(NODE_OP_TYPE, ""), texts.get(NODE_DOMAIN, ""), integers)


def _read_integer(data: bytes, attribute: Field) -> Iterator[Tuple[str, int]]:
    """Name and value where the attribute is an integer."""
    for field in read_fields(data, attribute.value_start, attribute.end):
        if field.number == ATTRIBUTE_INT:
            value, _ = _read_varint(data, field.value_start, field.end)
            yield _read_texts(data, attribute).get(ATTRIBUTE_NAME, ""), value - (value >> 63 << 64)
