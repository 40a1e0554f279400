"""Function bodies written as ONNX text: parsed, and their inner names made unique in any model that holds them."""

from __future__ import annotations

import onnx
from onnx import parser

DOMAIN = "fwht"
OPSET = 13
IR_VERSION = 8

# Lines for a body: the bounds of Clip, `low` and `high`, from the attribute `activation`.
ACTIVATION = """
    activation_0 = Constant <value_int: int = @activation> ()
    none = Constant <value_int = 0> ()
    relu6 = Constant <value_int = 6> ()
    nought = Constant <value_float = 0.0> ()
    six = Constant <value_float = 6.0> ()
    largest = Constant <value_float = 3.4028235e38> ()
    smallest = Constant <value_float = -3.4028235e38> ()
    is_bounded = Greater (activation_0, none)
    is_relu6 = Equal (activation_0, relu6)
    low = Where (is_bounded, nought, smallest)
    high = Where (is_relu6, six, largest)
"""


def parse_function_text(text: str, prefix: str) -> onnx.FunctionProto:
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
