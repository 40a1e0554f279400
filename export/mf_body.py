"""The ONNX function body of MFDepthwiseConv: standard ops that compute what `export.reference.mf_depthwise_conv` defines.

Operator 1 is linear in signs: sgn(a b) (|a| + |b|) = sgn(b) a + sgn(a) b, two depthwise convolutions. The others need
every pair of an input and a weight: a depthwise convolution with one-hot kernels lays the window's k k values out as
channels, its bias adds or subtracts the weight, and

    operator 2   sgn(a b) min(|a|, |b|) = (|a + b| - |a - b|) / 2
    operator 3   the same where it is positive, else 0

so the sum over the window is a depthwise convolution again, with kernels of ones.
"""

from __future__ import annotations

import onnx
from onnx import helper

from export.onnx_text import DOMAIN, OPSET, function_from_text

HEAD = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
MFDepthwiseConv <strides, pads, group, operator, activation> (X, W, gain, bias) => (Y)
{{
    nought = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    two = Constant <value_int = 2> ()
    six = Constant <value_int = 6> ()
    zero_float = Constant <value_float = 0.0> ()
    six_float = Constant <value_float = 6.0> ()
    largest = Constant <value_float = 3.4028235e38> ()
    smallest = Constant <value_float = -3.4028235e38> ()
    filters = Constant <value_ints = [-1, 1, 1, 1]> ()
    per_filter = Reshape (gain, filters)
"""

SIGNS = """
    w_sign = Sign (W)
    w_sign_gained = Mul (w_sign, per_filter)
    w_gained = Mul (W, per_filter)
    x_sign = Sign (X)
    left = Conv <strides: ints = @strides, pads: ints = @pads, group: int = @group> (X, w_sign_gained, bias)
    right = Conv <strides: ints = @strides, pads: ints = @pads, group: int = @group> (x_sign, w_gained)
    y_1 = Add (left, right)
"""

PATCHES = """
    which = Constant <value_int: int = @operator> ()
    first = Constant <value_ints = [0]> ()
    single = Constant <value_ints = [1]> ()
    every = Constant <value_ints = [-1]> ()
    w_shape = Shape (W)
    c = Gather (w_shape, first)
    kernel = Constant <value_ints = [2, 3]> ()
    k_k = Gather (w_shape, kernel)
    area = ReduceProd <keepdims = 1> (k_k)
    square_shape = Concat <axis = 0> (area, area)
    square = ConstantOfShape (square_shape)
    one_hot = EyeLike <dtype = 1> (square)
    one_hot_shape = Concat <axis = 0> (every, single, k_k)
    one_hot_kernels = Reshape (one_hot, one_hot_shape)
    repeats = Concat <axis = 0> (c, single, single, single)
    pick = Tile (one_hot_kernels, repeats)
    w_plus = Reshape (W, every)
    w_minus = Neg (w_plus)
    plus = Conv <strides: ints = @strides, pads: ints = @pads, group: int = @group> (X, pick, w_plus)
    minus = Conv <strides: ints = @strides, pads: ints = @pads, group: int = @group> (X, pick, w_minus)
    plus_size = Abs (plus)
    minus_size = Abs (minus)
    twice = Sub (plus_size, minus_size)
    is_3 = Greater (which, two)
    floor = Where (is_3, zero_float, smallest)
    product = Max (twice, floor)
    half = Constant <value_float = 0.5> ()
    half_gain = Mul (per_filter, half)
    sum_shape = Concat <axis = 0> (c, area, single, single)
    sum_kernels = Expand (half_gain, sum_shape)
    y_2 = Conv <group: int = @group> (product, sum_kernels, bias)
"""

SELECT = """
    is_1 = Equal (which, one)
    y = Where (is_1, y_1, y_2)
"""

TAIL = """
    end = Constant <value_int: int = @activation> ()
    has_end = Greater (end, nought)
    has_top = Equal (end, six)
    low = Where (has_end, zero_float, smallest)
    high = Where (has_top, six_float, largest)
    Y = Clip (y, low, high)
}
"""


def mf_depthwise_conv_function(operators: set[int]) -> onnx.FunctionProto:
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
    return function_from_text(HEAD + "".join(parts) + TAIL, "mf_depthwise_conv_")


def mf_depthwise_conv_node(
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
    """The node `name`; `inputs` are X, W, gain and bias. Raises ValueError for an unknown operator or activation."""
    if operator not in (1, 2, 3):
        raise ValueError(f"{name}: the multiplication-free operators are 1, 2 and 3, not {operator}")
    if activation not in (0, 1, 6):
        raise ValueError(f"{name}: activation is 0 (none), 1 (ReLU) or 6 (ReLU6), not {activation}")
    return helper.make_node(
        "MFDepthwiseConv",
        inputs,
        [output],
        name=name,
        domain=DOMAIN,
        strides=[stride, stride],
        pads=[padding] * 4,
        group=channels,
        operator=operator,
        activation=activation,
        plugin_version="1",
        plugin_namespace="",
    )
