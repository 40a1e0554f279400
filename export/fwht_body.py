"""The ONNX function body of FWHTLayer: standard ops that compute what `export.reference.fwht_layer` defines.

With n = a b, H_n is the Kronecker product of H_a and H_b, so a transform is two 1x1 convolutions with Reshapes between
them that move nothing: one over the a blocks (channels seen as (a, b HW)), one inside each block (`group` = a).
Everything but the input's values is constant when a session is made, and folds:

* zero padding: the first factor has only the C_in / b columns that meet the input;
* scale: multiplied into the second factor, one matrix per block;
* keep_dc: coefficient 0 gets the scale e = 2^-40 and the threshold -1 / e, and tanh(e u) (|e u| + 1 / e) is u to
  float32's precision wherever |u| < 1e8: 1 + e^2 |u| rounds to 1, and tanh(t) to t;
* truncation, pooling, gain: only the rows kept, averaged and scaled; bias: the convolution's own.

The entries of H are +1 where the numbers of row and column share an even number of bits, else -1.
"""

from __future__ import annotations

import onnx
from onnx import helper

from export.hadamard import is_power_of_two
from export.onnx_text import DOMAIN, OPSET, function_from_text

LARGEST_N = 4096
POWERS = [1 << k for k in range(LARGEST_N.bit_length())]


def _hadamard(name: str, rows: str, columns: str) -> str:
    """Text for the top left corner of H with so many rows and columns (names of int64 scalars), float32."""
    return f"""
        {name}_i = Range (nought, {rows}, unit)
        {name}_j = Range (nought, {columns}, unit)
        {name}_column = Unsqueeze ({name}_i, last_axis)
        {name}_row = Unsqueeze ({name}_j, last_axis)
        {name}_row_shifted = Div ({name}_row, powers)
        {name}_column_shifted = Div ({name}_column, powers)
        {name}_row_int = Mod ({name}_row_shifted, twos)
        {name}_column_int = Mod ({name}_column_shifted, twos)
        {name}_row_bits = Cast <to = 1> ({name}_row_int)
        {name}_column_bits = Cast <to = 1> ({name}_column_int)
        {name}_bits_across = Transpose <perm = [1, 0]> ({name}_row_bits)
        {name}_shared = MatMul ({name}_column_bits, {name}_bits_across)
        {name}_odd = Mod <fmod = 1> ({name}_shared, two)
        {name}_twice = Mul ({name}_odd, two)
        {name} = Sub (one, {name}_twice)
    """


BODY = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
FWHTLayer <in_channels, out_channels, keep_dc, pool, activation, forward_groups, backward_groups>
    (X, thresholds, scale, gain, bias) => (Y)
{{
    nought = Constant <value_int = 0> ()
    unit = Constant <value_int = 1> ()
    six = Constant <value_int = 6> ()
    first = Constant <value_ints = [0]> ()
    single = Constant <value_ints = [1]> ()
    twos = Constant <value_ints = [2]> ()
    rest = Constant <value_ints = [-1]> ()
    last_axis = Constant <value_ints = [-1]> ()
    powers = Constant <value_ints = {POWERS}> ()
    one = Constant <value_float = 1.0> ()
    two = Constant <value_float = 2.0> ()
    tiny = Constant <value_float = {2.0**-40}> ()
    minus_huge = Constant <value_float = {-(2.0**40)}> ()
    zero_float = Constant <value_float = 0.0> ()
    six_float = Constant <value_float = 6.0> ()
    largest = Constant <value_float = 3.4028235e38> ()
    smallest = Constant <value_float = -3.4028235e38> ()

    c_in = Constant <value_int: int = @in_channels> ()
    c_out = Constant <value_int: int = @out_channels> ()
    dc_kept = Constant <value_int: int = @keep_dc> ()
    pooled = Constant <value_int: int = @pool> ()
    end = Constant <value_int: int = @activation> ()
    groups_1 = Constant <value_int: int = @forward_groups> ()
    groups_2 = Constant <value_int: int = @backward_groups> ()
    n = Size (thresholds)
    n_float = Cast <to = 1> (n)
    root = Sqrt (n_float)
    norm = Div (one, root)

    # forward: n = groups_1 block_1
    block_1 = Div (n, groups_1)
    in_blocks = Div (c_in, block_1)
    {_hadamard("across_1", "groups_1", "in_blocks")}
    across_1_scaled = Mul (across_1, norm)
    kernel = Constant <value_ints = [2, 3]> ()
    weight_1 = Unsqueeze (across_1_scaled, kernel)
    n_1 = Unsqueeze (n, first)
    k = Range (nought, n, unit)
    k_is_dc = Less (k, dc_kept)
    coefficient_scale = Where (k_is_dc, tiny, scale)
    limit = Where (k_is_dc, minus_huge, thresholds)
    {_hadamard("within_1", "block_1", "block_1")}
    block_shape_1 = Constant <value_ints = [-1, 1]> ()
    groups_1_1 = Unsqueeze (groups_1, first)
    block_1_1 = Unsqueeze (block_1, first)
    per_block_1 = Concat <axis = 0> (groups_1_1, block_1_1, single)
    scale_blocks = Reshape (coefficient_scale, per_block_1)
    within_1_scaled = Mul (scale_blocks, within_1)
    weight_2_shape = Concat <axis = 0> (n_1, block_1_1, single, single)
    weight_2 = Reshape (within_1_scaled, weight_2_shape)
    in_blocks_1 = Unsqueeze (in_blocks, first)
    in_shape = Concat <axis = 0> (first, in_blocks_1, rest, first)
    n_shape = Concat <axis = 0> (first, n_1, rest, first)
    x_blocks = Reshape (X, in_shape)
    u_blocks = Conv (x_blocks, weight_1)
    u_flat = Reshape (u_blocks, n_shape)
    s = Conv <group: int = @forward_groups> (u_flat, weight_2)

    # smooth threshold
    channel = Constant <value_ints = [-1, 1, 1]> ()
    limit_channel = Reshape (limit, channel)
    size = Abs (s)
    over = Sub (size, limit_channel)
    kept = Relu (over)
    bent = Tanh (s)
    v = Mul (bent, kept)

    # backward: pool = odd even (a power of two); out_channels = groups_2 block; n = blocks_2 (block even)
    pool_rest = Mod (pooled, powers)
    pool_left = Cast <to = 9> (pool_rest)
    pool_divided = Not (pool_left)
    pool_powers = Where (pool_divided, powers, single)
    even = ReduceMax <axes = [0], keepdims = 0> (pool_powers)
    odd = Div (pooled, even)
    block = Div (c_out, groups_2)
    block_2 = Mul (block, even)
    blocks_2 = Div (n, block_2)
    rows = Mul (groups_2, odd)
    {_hadamard("across_2", "rows", "blocks_2")}
    groups_2_1 = Unsqueeze (groups_2, first)
    block_2_1 = Unsqueeze (block_2, first)
    blocks_2_1 = Unsqueeze (blocks_2, first)
    block_1d = Unsqueeze (block, first)
    even_1 = Unsqueeze (even, first)
    odd_1 = Unsqueeze (odd, first)
    across_2_shape = Concat <axis = 0> (groups_2_1, odd_1, blocks_2_1)
    across_2_groups = Reshape (across_2, across_2_shape)
    across_2_mean = ReduceMean <axes = [1], keepdims = 0> (across_2_groups)
    across_2_scaled = Mul (across_2_mean, norm)
    weight_3 = Unsqueeze (across_2_scaled, kernel)
    {_hadamard("within_2", "block_2", "block_2")}
    within_2_shape = Concat <axis = 0> (block_1d, even_1, block_2_1)
    within_2_groups = Reshape (within_2, within_2_shape)
    within_2_mean = ReduceMean <axes = [1], keepdims = 0> (within_2_groups)
    per_block_2 = Concat <axis = 0> (groups_2_1, block_1d, single)
    gain_blocks = Reshape (gain, per_block_2)
    within_2_scaled = Mul (gain_blocks, within_2_mean)
    c_out_1 = Unsqueeze (c_out, first)
    weight_4_shape = Concat <axis = 0> (c_out_1, block_2_1, single, single)
    weight_4 = Reshape (within_2_scaled, weight_4_shape)
    blocks_shape = Concat <axis = 0> (first, blocks_2_1, rest, first)
    kept_channels = Mul (groups_2_1, block_2_1)
    kept_shape = Concat <axis = 0> (first, kept_channels, rest, first)
    v_blocks = Reshape (v, blocks_shape)
    z_blocks = Conv (v_blocks, weight_3)
    z = Reshape (z_blocks, kept_shape)
    y = Conv <group: int = @backward_groups> (z, weight_4, bias)
    has_end = Greater (end, nought)
    has_top = Equal (end, six)
    low = Where (has_end, zero_float, smallest)
    high = Where (has_top, six_float, largest)
    Y = Clip (y, low, high)
}}
"""


def fwht_layer_function() -> onnx.FunctionProto:
    """The body, one for every size and attribute in a model."""
    return function_from_text(BODY, "fwht_layer_")


def _blocks(n: int, channels: int) -> int:
    """How many blocks `channels` fall into: the largest block that divides them and is at most the root of n."""
    block = 1
    while 4 * block * block <= n and channels % (2 * block) == 0:
        block *= 2
    return channels // block


def fwht_layer_node(
    name: str,
    inputs: list[str],
    output: str,
    *,
    n: int,
    in_channels: int,
    out_channels: int,
    keep_dc: int = 1,
    pool: int = 1,
    activation: int = 0,
) -> onnx.NodeProto:
    """The node `name`; `inputs` are X, thresholds, scale, gain and bias, n is the number of thresholds.

    Raises ValueError where the sizes break the op's rules.
    """
    if not is_power_of_two(n) or not max(in_channels, out_channels, 2) <= n <= LARGEST_N:
        raise ValueError(
            f"{name}: n is a power of two from 2 to {LARGEST_N} that holds all channels; "
            f"{n} does not, with {in_channels} in and {out_channels} out"
        )
    if pool < 1 or (pool > 1 and out_channels > in_channels // pool):
        raise ValueError(f"{name}: pool {pool} leaves fewer than {out_channels} of {in_channels} channels")
    if activation not in (0, 1, 6):
        raise ValueError(f"{name}: activation is 0 (none), 1 (ReLU) or 6 (ReLU6), not {activation}")
    forward_block = in_channels // _blocks(n, in_channels)
    # Groups of an odd number of channels straddle the blocks, so only a power of two is averaged inside them.
    backward_groups = _blocks(n, out_channels) if is_power_of_two(pool) else out_channels
    return helper.make_node(
        "FWHTLayer",
        inputs,
        [output],
        name=name,
        domain=DOMAIN,
        in_channels=in_channels,
        out_channels=out_channels,
        keep_dc=keep_dc,
        pool=pool,
        activation=activation,
        forward_groups=n // forward_block,
        backward_groups=backward_groups,
        plugin_version="1",
        plugin_namespace="",
    )
