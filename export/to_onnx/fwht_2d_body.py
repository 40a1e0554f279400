"""The ONNX function body of FWHT2D: standard ops that compute what `export.ops.fwht_2d_reference.fwht_2d` defines.

A transform is a MatMul along each axis with a corner of H; what depends on weights and attributes alone is constant and
folds when a session is made:

* zero padding: the factors of the way in have only the H and W columns that meet the map;
* stride s: transforms of m = n / s, from every s-th threshold; the way in repeats each column s times, which sums up
  windows (the reference says why that is the same);
* the cut: the factors of the way back have only the rows kept; the factor 1 / n is in one factor each way;
* paths: the thresholded maps of all paths lie below each other, and the way back's first factor, repeated side by side,
  adds them up;
* keep_dc: as in `fwht_body.py`, by a scale and a threshold that pass coefficient 0;
* the entries of H: -1 to the power of how many bits the numbers of row and column share.

Of the ops measured for `fwht_body.py` LeakyRelu is here for Abs, too. Names and shapes as there, for the same old
versions of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx

from export.ops.contract import make_contract_node
from export.ops.fwht_2d_reference import LARGEST_SIDE
from export.ops.hadamard import is_power_of_two
from export.to_onnx.function_text import ACTIVATION, DOMAIN, OPSET, parse_function_text
from export.to_onnx.fwht_body import TINY
from export.to_onnx.fwht_function import STEP

SIZES = f"""
<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>
FWHT2D <height, width, stride, keep_dc, paths, soft, activation> (X, thresholds, scale, gain, bias) => (Y)
{{
    all = Shape (thresholds)
    single = Div (all, all)
    first = Sub (single, single)
    last = Sub (first, single)
    second = Add (single, single)
    axes = Concat <axis = 0> (single, second)
    height_0 = Constant <value_int: int = @height> ()
    width_0 = Constant <value_int: int = @width> ()
    stride_0 = Constant <value_int: int = @stride> ()
    keep_dc_0 = Constant <value_int: int = @keep_dc> ()
    paths_0 = Constant <value_int: int = @paths> ()
    rows = Mul (height_0, single)
    columns = Mul (width_0, single)
    paths_1 = Mul (paths_0, single)
    area = Div (all, paths_1)
    area_float = Cast <to = 1> (area)
    n_float = Sqrt (area_float)
    n = Cast <to = 7> (n_float)
    m = Div (n, stride_0)
    above = Sub (stride_0, single)
    rows_above = Add (rows, above)
    out_rows = Div (rows_above, stride_0)
    columns_above = Add (columns, above)
    out_columns = Div (columns_above, stride_0)
"""

TRANSFORMS = f"""
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    two = Constant <value_int = 2> ()
    minus_one = Constant <value_float = -1.0> ()
    all_bits = Constant <value_int = {LARGEST_SIDE.bit_length()}> ()
    places = Range (zero, all_bits, one)
    powers = Pow (two, places)
    n_0 = Squeeze (n)
    k = Range (zero, n_0, one)
    k_down = Unsqueeze (k, last)
    k_shifted = Div (k_down, powers)
    k_bits_int = Mod (k_shifted, two)
    k_bits = Cast <to = 1> (k_bits_int)
    bits = Slice (k_bits, first, m, first)
    bits_across = Transpose <perm = [1, 0]> (bits)
    window_down = Div (k_down, stride_0)
    window_shifted = Div (window_down, powers)
    window_bits_int = Mod (window_shifted, two)
    window_bits = Cast <to = 1> (window_bits_int)

    # (m, H) with 1 / n, and (W, m)
    rows_bits = Slice (window_bits, first, rows, first)
    rows_bits_across = Transpose <perm = [1, 0]> (rows_bits)
    down_shared = MatMul (bits, rows_bits_across)
    down_signs = Pow (minus_one, down_shared)
    down = Div (down_signs, n_float)
    columns_bits = Slice (window_bits, first, columns, first)
    across_shared = MatMul (columns_bits, bits_across)
    across = Pow (minus_one, across_shared)

    # (H', paths m) with 1 / n, and (m, W')
    out_rows_bits = Slice (bits, first, out_rows, first)
    back_down_shared = MatMul (out_rows_bits, bits_across)
    back_down_signs = Pow (minus_one, back_down_shared)
    back_down_once = Div (back_down_signs, n_float)
    back_repeats = Concat <axis = 0> (single, paths_1)
    back_down = Tile (back_down_once, back_repeats)
    out_columns_bits = Slice (bits, first, out_columns, first)
    out_columns_across = Transpose <perm = [1, 0]> (out_columns_bits)
    back_across_shared = MatMul (bits, out_columns_across)
    back_across = Pow (minus_one, back_across_shared)
"""

# With keep_dc coefficient 0 of the first path passes, and is nought in the others.
LIMITS = """
    squares = Concat <axis = 0> (paths_1, n, n)
    starts = Concat <axis = 0> (first, first)
    ends = Concat <axis = 0> (n, n)
    stride_1 = Mul (stride_0, single)
    steps = Concat <axis = 0> (stride_1, stride_1)
    scale_squares = Reshape (scale, squares)
    own_scales = Slice (scale_squares, starts, ends, axes, steps)
    limit_squares = Reshape (thresholds, squares)
    own_limits = Slice (limit_squares, starts, ends, axes, steps)
    m_area = Mul (m, m)
    all_of_m = Mul (m_area, paths_1)
    all_of_m_0 = Squeeze (all_of_m)
    c = Range (zero, all_of_m_0, one)
    small_squares = Concat <axis = 0> (paths_1, m, m)
    c_squares = Reshape (c, small_squares)
    c_of_path = Mod (c_squares, m_area)
    is_dc = Less (c_squares, keep_dc_0)
    is_left_out = Less (c_of_path, keep_dc_0)
    void = Constant <value_float = 0.0> ()
    other_scales = Where (is_left_out, void, own_scales)
    other_limits = Where (is_left_out, void, own_limits)
    scales = Where (is_dc, dc_scale, other_scales)
    limits = Where (is_dc, dc_limit, other_limits)
"""

SMOOTH_DC = f"""
    dc_scale = Constant <value_float = {TINY}> ()
    dc_limit = Constant <value_float = {-1 / TINY}> ()"""
SOFT_DC = """
    dc_scale = Constant <value_float = 1.0> ()
    dc_limit = Constant <value_float = 0.0> ()"""
MIXED_DC = f"""
    soft_0 = Constant <value_int: int = @soft> ()
    is_soft = Equal (soft_0, one)
    unit = Constant <value_float = 1.0> ()
    nothing = Constant <value_float = 0.0> ()
    tiny = Constant <value_float = {TINY}> ()
    minus_huge = Constant <value_float = {-1 / TINY}> ()
    dc_scale = Where (is_soft, unit, tiny)
    dc_limit = Where (is_soft, nothing, minus_huge)
    largest_step = Constant <value_float = {STEP}> ()
    steepness = Where (is_soft, largest_step, unit)"""

LAYER = f"""
    x_across = MatMul (X, across)
    u = MatMul (down, x_across)
    u_maps = Unsqueeze (u, second)
    s = Mul (u_maps, scales)
    size = LeakyRelu <alpha = -1.0> (s)
    over = Sub (size, limits)
    kept = Relu (over)
    $bent
    v_maps = Mul (bent, kept)
    all_rows = Mul (m, paths_1)
    v_shape = Concat <axis = 0> (first, first, all_rows, m)
    v = Reshape (v_maps, v_shape)
    z_down = MatMul (back_down, v)
    z = MatMul (z_down, back_across)
    gains = Unsqueeze (gain, axes)
    biases = Unsqueeze (bias, axes)
    z_gained = Mul (z, gains)
    y = Add (z_gained, biases)
{ACTIVATION}
    Y = Clip (y, low, high)
}}
"""

# By the values of `soft` in a model.
KINDS = {
    (0,): (SMOOTH_DC, "bent = Tanh (s)"),
    (1,): (SOFT_DC, "bent = Sign (s)"),
    (0, 1): (MIXED_DC, "steep = Mul (s, steepness)\n    bent = Tanh (steep)"),
}


def make_fwht_2d_function(nodes: Iterable[onnx.NodeProto] = ()) -> onnx.FunctionProto:
    """The body for all FWHT2D nodes of a model, which are among `nodes`: one for every size and attribute."""
    layers = [node for node in nodes if node.op_type == "FWHT2D"]
    softs = {attribute.i for node in layers for attribute in node.attribute if attribute.name == "soft"}
    dc, bent = KINDS[tuple(sorted(softs or {0}))]
    return parse_function_text(SIZES + TRANSFORMS + dc + LIMITS + LAYER.replace("$bent", bent), "fwht_2d_")


def make_fwht_2d_node(
    name: str,
    inputs: list[str],
    output: str,
    *,
    n: int,
    height: int,
    width: int,
    stride: int = 1,
    keep_dc: int = 0,
    activation: int = 0,
    paths: int = 1,
    soft: int = 0,
) -> onnx.NodeProto:
    """The node `name`; `inputs` are X, thresholds, scale, gain and bias, a path has n x n thresholds.

    The body alone reads `height` and `width`, those of X. Raises ValueError where the sizes break the op's rules.
    """
    if not is_power_of_two(n) or not max(height, width, stride, 2) <= n <= LARGEST_SIDE:
        raise ValueError(
            f"{name}: n is a power of two from 2 to {LARGEST_SIDE}, at least height, width and stride; "
            f"{n} is not, with a map of {height}x{width} and a stride of {stride}"
        )
    attributes = {"stride": stride, "keep_dc": keep_dc, "activation": activation, "paths": paths, "soft": soft}
    return make_contract_node("fwht_2d", name, inputs, output, attributes, height=height, width=width)
