"""The ONNX function body of MFDepthwiseConv: standard ops that compute `export.ops.reference.mf_depthwise_conv`.

Operator 1 is linear in signs: sgn(a b) (|a| + |b|) = sgn(b) a + sgn(a) b, two depthwise convolutions. The others need
every pair of an input and a weight: a depthwise convolution with one-hot kernels lays the window's k k values out as
channels, its bias adds or subtracts the weight, and

    operator 2   sgn(a b) min(|a|, |b|) = (|a + b| - |a - b|) / 2
    operator 3   the same where it is positive, else 0

so the sum over the window is a depthwise convolution again, with kernels of ones. `gain` is multiplied into weights.
As in `export/to_onnx/fwht_body.py`, integers that shape something come from Shape by arithmetic.
"""

from __future__ import annotations

import onnx

from export.ops.contract import make_contract_node
from export.to_onnx.function_text import ACTIVATION, DOMAIN, OPSET, parse_function_text

WINDOW = "strides: ints = @strides, pads: ints = @pads, group: int = @group"

HEAD = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
MFDepthwiseConv <strides, pads, group, operator, activation> (X, W, gain, bias) => (Y)
{{
    c = Shape (gain)
    single = Div (c, c)
    filter_shape = Concat <axis = 0> (c, single, single, single)
    gains = Reshape (gain, filter_shape)
"""

SIGNS = f"""
    w_sign = Sign (W)
    w_sign_gained = Mul (w_sign, gains)
    w_gained = Mul (W, gains)
    x_sign = Sign (X)
    left = Conv <{WINDOW}> (X, w_sign_gained, bias)
    right = Conv <{WINDOW}> (x_sign, w_gained)
    y_1 = Add (left, right)
"""

PATCHES = f"""
    two = Add (single, single)
    four = Add (two, two)
    last = Sub (single, two)
    w_shape = Shape (W)
    kernel = Slice (w_shape, two, four)
    area = ReduceProd <keepdims = 1> (kernel)
    square_shape = Concat <axis = 0> (area, area)
    square = ConstantOfShape (square_shape)
    one_hot = EyeLike <dtype = 1> (square)
    one_hot_shape = Concat <axis = 0> (area, single, kernel)
    one_hot_kernels = Reshape (one_hot, one_hot_shape)
    picks = Tile (one_hot_kernels, filter_shape)
    plus_w = Reshape (W, last)
    minus_w = Neg (plus_w)
    sums = Conv <{WINDOW}> (X, picks, plus_w)
    differences = Conv <{WINDOW}> (X, picks, minus_w)
    sum_sizes = LeakyRelu <alpha = -1.0> (sums)
    difference_sizes = LeakyRelu <alpha = -1.0> (differences)
    twice = Sub (sum_sizes, difference_sizes)
    operator_0 = Constant <value_int: int = @operator> ()
    operator_3 = Constant <value_int = 3> ()
    is_3 = Equal (operator_0, operator_3)
    floor = Where (is_3, nought, smallest)
    terms = Max (twice, floor)
    half = Constant <value_float = 0.5> ()
    half_gains = Mul (gains, half)
    adder_shape = Concat <axis = 0> (c, area, single, single)
    adders = Expand (half_gains, adder_shape)
    y_2 = Conv <group: int = @group> (terms, adders, bias)
"""

SELECT = """
    operator_1 = Constant <value_int = 1> ()
    is_1 = Equal (operator_0, operator_1)
    y = Where (is_1, y_1, y_2)
"""

TAIL = """
    Y = Clip (y, low, high)
}
"""


def make_mf_depthwise_conv_function(operators: set[int]) -> onnx.FunctionProto:
    """The body for a model in which these operators occur; for operator 1 alone it is just two convolutions.

    Raises ValueError for operators other than 1, 2 and 3, or none.
    """
    if not operators or not operators <= {1, 2, 3}:
        raise ValueError(f"the multiplication-free operators are 1, 2 and 3, not {sorted(operators)}")
    if operators == {1}:
        parts = [SIGNS.replace("y_1", "y")]
    elif 1 not in operators:
        parts = [PATCHES.replace("y_2", "y")]
    else:
        parts = [SIGNS, PATCHES, SELECT]
    return parse_function_text(HEAD + ACTIVATION + "".join(parts) + TAIL, "mf_depthwise_conv_")


def make_mf_depthwise_conv_node(
    name: str,
    inputs: list[str],
    output: str,
    *,
    channels: int,
    operator: int,
    stride: int = 1,
    padding: int = 1,
    activation: int = 0,
) -> onnx.NodeProto:
    """The node `name`; `inputs` are X, W, gain and bias. Raises ValueError for what contract.json does not allow."""
    attributes = {
        "strides": [stride, stride],
        "pads": [padding] * 4,
        "group": channels,
        "operator": operator,
        "activation": activation,
    }
    return make_contract_node("mf_depthwise_conv", name, inputs, output, attributes)
