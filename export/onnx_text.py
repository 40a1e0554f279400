"""Function bodies written as ONNX text: parsed, and their inner names made unique in any model that holds them."""

from __future__ import annotations

import onnx
from onnx import parser

DOMAIN = "fwht"
OPSET = 13
IR_VERSION = 8


def function_from_text(text: str, prefix: str) -> onnx.FunctionProto:
    """The function of `text`, every name inside it (not its inputs and outputs) with `prefix` in front.

    TensorRT 9.0 to 10.7 take a name inside a body for an outer tensor of the same name, hence the prefix.
    """
    function = parser.parse_function(text)
    formal = {*function.input, *function.output, ""}
    for node in function.node:
        node.input[:] = [name if name in formal else prefix + name for name in node.input]
        node.output[:] = [name if name in formal else prefix + name for name in node.output]
        node.name = prefix + node.output[0]
    return function
