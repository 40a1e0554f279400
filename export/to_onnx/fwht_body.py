"""The ONNX function body of FWHTLayer: standard ops that compute what `export.ops.reference.fwht_layer` defines.

With n = a b, H_n is the Kronecker product of H_a and H_b, so a transform is two 1x1 convolutions: one within each block
of b channels (`group`), one across the blocks (channels seen as (a, b), b an axis like height and width). Between them
lie Reshapes that move nothing. On the way in the blocks that hold channels are transformed first, then spread over all
n coefficients; on the way out only the blocks that are kept are left for the last factor. What depends on weights and
attributes alone is constant and folds when a session is made:

* zero padding: the factor across has only the C_in / b columns that meet the input;
* keep_dc: coefficient 0 gets the scale e = 2^-40 and the threshold -1 / e. tanh(e u) (|e u| + 1 / e) is u in float32
  wherever |u| < 1e8: e u is too small to change 1 / e, or for tanh to bend;
* truncation, pooling and gain: the factors of the way back have only the rows kept, averaged and scaled;
* the entries of H: -1 to the power of how many bits the numbers of row and column share.

Paths: the factor across of the way in makes each coefficient once for every path, and the first factor of the way back
adds them up; between them lie P n channels, in the same operators. The soft threshold has a steep line, cut at -1 and
1, in place of Tanh; it passes DC with a scale of 1 and a threshold of 0. Blocks: Gather takes the channels of all
windows so that the windows are an axis like height and width; behind them come a Transpose, the means of the pool (a
convolution over pools as channels: ReduceMean over few values took as long as all else) and a BatchNormalization with
the gain. A model in which none of these is used has the body without them, and its file is as it always was.

Choices that were measured (ONNX Runtime on x86-64): convolutions rather than MatMuls, since bias and activation then
fuse into the last one; five dimensions, since those of four become blocked ones (NCHWc) with a reordering before and
after each; LeakyRelu with slope -1 rather than Abs, since it runs on all cores; blocks near the square root of n;
BatchNormalization rather than Mul and Sub, which are slow where a channel has few pixels (momentum = 1, or onnx's
reference evaluator mixes in the batch's own mean).

Integers that shape something are tensors of one element made from Shape(thresholds) by arithmetic: ONNX Runtime 1.10
refuses constants with value_ints in a function, 1.14 those with a tensor where they reach a Reshape. 1.12 alone cannot
load the body: it loses the name of an attribute that refers to one with another name (`group` to `forward_groups`).
"""

from __future__ import annotations

from export.to_onnx.function_text import ACTIVATION, DOMAIN, OPSET

LARGEST_N = 4096
TINY = 2.0**-40  # e above
EPSILON = 2.0**-10  # BatchNormalization's; with a variance of 1 - 2^-10 it divides by 1 exactly


def _hadamard_text(name: str, rows: str, columns: str) -> str:
    """Text for `name`, the top left corner of H with so many rows and columns, at most n."""
    return f"""
    {name}_rows = Slice (bits, first, {rows}, first)
    {name}_columns = Slice (bits_across, first, {columns}, single)
    {name}_shared = MatMul ({name}_rows, {name}_columns)
    {name} = Pow (minus_one, {name}_shared)
"""


# What begins with a $ is filled in by export/to_onnx/fwht_function.py.
BODY = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
FWHTLayer <in_channels, keep_dc, pool, activation, forward_groups, backward_groups$attributes$window_attributes>
    (X, thresholds, scale, gain, bias) => (Y)
{{
    $size$c_out
    single = Div ($all, $all)
    first = Sub (single, single)
    last = Sub (first, single)
    third = Add (single, single)$lengths
    in_channels_0 = Constant <value_int: int = @in_channels> ()
    keep_dc_0 = Constant <value_int: int = @keep_dc> ()
    pool_0 = Constant <value_int: int = @pool> ()
    forward_groups_0 = Constant <value_int: int = @forward_groups> ()
    backward_groups_0 = Constant <value_int: int = @backward_groups> ()
$c_in    groups = Mul (forward_groups_0, single)
    out_groups = Mul (backward_groups_0, single)
    n_float = Cast <to = 1> (n)
    root = Sqrt (n_float)
    minus_one = Constant <value_float = -1.0> ()

    # the bits of 0 to n - 1, one number a row
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    two = Constant <value_int = 2> ()
    all_bits = Constant <value_int = {LARGEST_N.bit_length()}> ()
    places = Range (zero, all_bits, one)
    powers = Pow (two, places)
    n_0 = Squeeze (n)
    k = Range (zero, n_0, one)
    k_down = Unsqueeze (k, last)
    shifted = Div (k_down, powers)
    bits_int = Mod (shifted, two)
    bits = Cast <to = 1> (bits_int)
    bits_across = Transpose <perm = [1, 0]> (bits)

    # forward, in_channels = groups block, n = blocks block$windows
    block = Div (c_in, groups)
    blocks = Div (n, block)
{_hadamard_text("within", "block", "block")}
    within_repeats = Concat <axis = 0> (groups, single)
    within_all = Tile (within, within_repeats)
    weight_1_shape = Concat <axis = 0> (c_in, block, single, single, single)
    weight_1 = Reshape (within_all, weight_1_shape)
{_hadamard_text("across", "blocks", "groups")}
    across_normed = Div (across, root)$forward
    weight_2_shape = Concat <axis = 0> ($blocks, groups, single, single, single)
    weight_2 = Reshape ($across, weight_2_shape)
    $x
    x_within = Conv <group: int = @forward_groups> (x, weight_1)
    x_shape = Concat <axis = 0> (first, groups, last, first, first)
    x_blocks = Reshape (x_within, x_shape)
    u_blocks = Conv (x_blocks, weight_2)
    u_shape = Concat <axis = 0> (first, $all, last, first, first)
    u = Reshape (u_blocks, u_shape)

$limits
    zeros = ConstantOfShape ($all)
    ones = ConstantOfShape <value = float[1] {{1.0}}> ($all)
    variance = ConstantOfShape <value = float[1] {{{1 - EPSILON}}}> ($all)
    s = BatchNormalization <epsilon = {EPSILON}, momentum = 1.0> (u, scales, zeros, zeros, variance)
    size = LeakyRelu <alpha = -1.0> (s)
    over = BatchNormalization <epsilon = {EPSILON}, momentum = 1.0> (size, ones, minus_limits, zeros, variance)
    kept = Relu (over)
    $bent
    v = Mul (bent, kept)

    # backward, out_channels = out_groups out_block, n = z_blocks z_block; pool = odd even, even a power of two
    pool_rest = Mod ($pool, powers)
    divides = Equal (pool_rest, zero)
    divisors = Where (divides, powers, one)
    even = ReduceMax <keepdims = 1> (divisors)
    odd = Div ($pool, even)
    out_block = Div (c_out, out_groups)
    z_block = Mul (out_block, even)
    z_blocks = Div (n, z_block)
    z_rows = Mul (out_groups, odd)
{_hadamard_text("back", "z_rows", "z_blocks")}
    back_shape = Concat <axis = 0> (out_groups, odd, z_blocks)
    back_groups = Reshape (back, back_shape)
    back_mean = ReduceMean <axes = [1], keepdims = 0> (back_groups)
    back_normed = Div (back_mean, root)$backward
    weight_3_shape = Concat <axis = 0> (out_groups, $z_blocks, single, single, single)
    weight_3 = Reshape ($back, weight_3_shape)
{_hadamard_text("inner", "z_block", "z_block")}
    inner_shape = Concat <axis = 0> (out_block, even, z_block)
    inner_groups = Reshape (inner, inner_shape)
    inner_mean = ReduceMean <axes = [1], keepdims = 0> (inner_groups)
$gained
    weight_4_shape = Concat <axis = 0> (c_out, z_block, single, single, single)
    weight_4 = Reshape ($weight_4, weight_4_shape)
    v_shape = Concat <axis = 0> (first, $z_blocks, last, first, first)
    v_blocks = Reshape (v, v_shape)
    z_groups = Conv (v_blocks, weight_3)
    z_channels = Mul (out_groups, z_block)
    z_shape = Concat <axis = 0> (first, z_channels, last, first, first)
    z = Reshape (z_groups, z_shape)
$end
{ACTIVATION}
    y_active = Clip (y, low, high)
    Y = Squeeze (y_active, third)
}}
"""
