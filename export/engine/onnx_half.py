"""A float32 ONNX file in float16, for TensorRT from 11 on, which takes the types in the file as they are.

    image float32 -> Cast -> every operator in float16 -> Cast -> logits float32

Weights stay float32 in the file and pass a Cast, which the builder folds away. Our own operators take their weights in
float32 whatever the type of X (plugins/*/contract.json), so theirs are left as they are. Standard library only, on the
wire format of export/engine/onnx_wire.py; numbers of fields as there.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Set

from export.engine.onnx_wire import GRAPH_NODE, LENGTH_DELIMITED, MODEL_GRAPH, Field, read_fields, read_nodes

GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 5, 11, 12
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 3, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_INT, ATTRIBUTE_TYPE, ATTRIBUTE_TYPE_INT = 1, 3, 20, 2
TENSOR_TYPE, TENSOR_NAME, VALUE_NAME = 2, 8, 1
FLOAT, FLOAT16 = 1, 10
OWN_TYPES = {"Cast", "Constant", "ConstantOfShape", "EyeLike", "QuantizeLinear", "DequantizeLinear"}


def convert_to_float16(data: bytes) -> bytes:
    """The same model with float16 between its input and its output.

    Raises ValueError where the data is no ONNX file, or an operator in it has a type of its own.
    """
    typed = [f"{node.name} ({node.op_type})" for node in read_nodes(data) if node.op_type in OWN_TYPES]
    if typed:
        raise ValueError(f"operators with a type of their own cannot be put into float16 here: {', '.join(typed)}")
    parts = []
    for field in read_fields(data):
        if field.number == MODEL_GRAPH:
            parts.append(_encode_message(MODEL_GRAPH, _convert_graph(data, field)))
        else:
            parts.append(data[field.start : field.end])
    return b"".join(parts)


def _convert_graph(data: bytes, graph: Field) -> bytes:
    members = list(read_fields(data, graph.value_start, graph.end))
    constants = [member for member in members if member.number == GRAPH_INITIALIZER]
    weights = {_read_text(data, m, TENSOR_NAME) for m in constants if _read_small_number(data, m, TENSOR_TYPE) == FLOAT}
    known = {_read_text(data, m, TENSOR_NAME) for m in constants}
    inputs = [_read_text(data, m, VALUE_NAME) for m in members if m.number == GRAPH_INPUT]
    inputs = [name for name in inputs if name not in known]
    outputs = [_read_text(data, m, VALUE_NAME) for m in members if m.number == GRAPH_OUTPUT]
    halves = {name: f"{name}.half" for name in [*inputs, *outputs]}
    made: List[bytes] = []
    used: Set[str] = set()
    for member in members:
        if member.number == GRAPH_NODE:
            custom = _read_text(data, member, NODE_DOMAIN) not in ("", "ai.onnx")
            taken = {} if custom else {name: f"{name}.half" for name in weights}
            used |= {name for name in _read_texts(data, member, NODE_INPUT) if name in taken}
            made.append(_encode_message(GRAPH_NODE, _rename_tensors(data, member, {**taken, **halves})))
    before = [_encode_cast(name, f"{name}.half", FLOAT16) for name in [*inputs, *sorted(used)]]
    after = [_encode_cast(f"{name}.half", name, FLOAT) for name in outputs]
    rest = [data[member.start : member.end] for member in members if member.number != GRAPH_NODE]
    return b"".join([*rest, *before, *made, *after])


def _rename_tensors(data: bytes, node: Field, names: Mapping[str, str]) -> bytes:
    """The node with other inputs and outputs."""
    parts = []
    for field in read_fields(data, node.value_start, node.end):
        if field.number in (NODE_INPUT, NODE_OUTPUT):
            name = data[field.value_start : field.end].decode("utf-8", "replace")
            parts.append(_encode_message(field.number, names.get(name, name).encode()))
        else:
            parts.append(data[field.start : field.end])
    return b"".join(parts)


def _encode_cast(source: str, target: str, kind: int) -> bytes:
    """A node of the graph."""
    to = (
        _encode_message(ATTRIBUTE_NAME, b"to")
        + _encode_integer(ATTRIBUTE_INT, kind)
        + _encode_integer(ATTRIBUTE_TYPE, ATTRIBUTE_TYPE_INT)
    )
    texts: Dict[int, str] = {NODE_INPUT: source, NODE_OUTPUT: target, NODE_NAME: f"{target}.cast", NODE_OP_TYPE: "Cast"}
    node = b"".join(_encode_message(number, text.encode()) for number, text in texts.items())
    return _encode_message(GRAPH_NODE, node + _encode_message(NODE_ATTRIBUTE, to))


def _encode_message(number: int, content: bytes) -> bytes:
    return _encode_varint(number << 3 | LENGTH_DELIMITED) + _encode_varint(len(content)) + content


def _encode_integer(number: int, value: int) -> bytes:
    return _encode_varint(number << 3) + _encode_varint(value)


def _encode_varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    low = b""
    while value > 0x7F:
        low += bytes([value & 0x7F | 0x80])
        value >>= 7
    return low + bytes([value])


def _read_texts(data: bytes, message: Field, number: int) -> Iterable[str]:
    for field in read_fields(data, message.value_start, message.end):
        if field.number == number:
            yield data[field.value_start : field.end].decode("utf-8", "replace")


def _read_text(data: bytes, message: Field, number: int) -> str:
    return "".join(_read_texts(data, message, number))


def _read_small_number(data: bytes, message: Field, number: int) -> int:
    """A small number: one byte. 0 where it is not there."""
    found = [f for f in read_fields(data, message.value_start, message.end) if f.number == number]
    return data[found[-1].value_start] if found else 0
