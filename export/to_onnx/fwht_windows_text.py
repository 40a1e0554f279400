"""What FWHTLayer's function body says about windows: of models without blocks, and of those that have some."""

from __future__ import annotations

from export.to_onnx.fwht_body import EPSILON

# A model without blocks, the same bytes as ever.
WHOLE = {
    "window_attributes": "",
    "c_out": "\n    c_out = Shape (gain)",
    "c_in": "    c_in = Mul (in_channels_0, single)\n",
    "windows": "",
    "x": "x = Unsqueeze (X, third)",
    "pool": "pool_0",
    "gained": """    gain_shape = Concat <axis = 0> (out_groups, out_block, single)
    gain_per_row = Reshape (gain, gain_shape)
    inner_gained = Mul (gain_per_row, inner_mean)""",
    "weight_4": "inner_gained",
    "end": "    y = Conv <group: int = @backward_groups> (z, weight_4, bias)",
}
# One in which some layers have blocks: to the others all channels are one window, which is pooled inside.
WINDOWS = {
    "window_attributes": ", block, windows",
    "c_out": "",
    "c_in": "",
    "windows": """, of each window
    block_0 = Constant <value_int: int = @block> ()
    windows_0 = Constant <value_int: int = @windows> ()
    has_blocks = Greater (block_0, zero)
    window_0 = Where (has_blocks, block_0, in_channels_0)
    c_in = Mul (window_0, single)
    windows_1 = Mul (windows_0, single)
    c_end = Shape (gain)
    c_out = Where (has_blocks, c_in, c_end)
    inner_pool_0 = Where (has_blocks, one, pool_0)
    outer_pool_0 = Where (has_blocks, pool_0, one)
    window_numbers = Range (zero, windows_0, one)
    slack = Sub (in_channels_0, window_0)
    gaps = Sub (windows_0, one)
    gaps_or_one = Max (gaps, one)
    offsets = Mul (window_numbers, slack)
    starts = Div (offsets, gaps_or_one)
    in_window = Range (zero, window_0, one)
    in_window_down = Unsqueeze (in_window, last)
    channels = Add (in_window_down, starts)""",
    "x": "x = Gather <axis = 1> (X, channels)",
    "pool": "inner_pool_0",
    "gained": """    inner_repeats = Concat <axis = 0> (out_groups, single)
    inner_all = Tile (inner_mean, inner_repeats)""",
    "weight_4": "inner_all",
    "end": f"""    y_windows = Conv <group: int = @backward_groups> (z, weight_4)
    y_by_windows = Transpose <perm = [0, 2, 1, 3, 4]> (y_windows)
    made = Mul (windows_1, c_out)
    made_shape = Concat <axis = 0> (first, made, single, first, first)
    y_made = Reshape (y_by_windows, made_shape)
    outer_pool = Mul (outer_pool_0, single)
    taken = Mul (c_end, outer_pool)
    y_taken = Slice (y_made, first, taken, single)
    pooled_shape = Concat <axis = 0> (first, c_end, outer_pool, first, first)
    y_pools = Reshape (y_taken, pooled_shape)
    y_by_pools = Transpose <perm = [0, 2, 1, 3, 4]> (y_pools)
    mean_shape = Concat <axis = 0> (single, outer_pool, single, single, single)
    mean_ones = ConstantOfShape <value = float[1] {{1.0}}> (mean_shape)
    outer_pool_float = Cast <to = 1> (outer_pool)
    mean_weight = Div (mean_ones, outer_pool_float)
    y_mean = Conv (y_by_pools, mean_weight)
    means_shape = Concat <axis = 0> (first, c_end, single, first, first)
    y_means = Reshape (y_mean, means_shape)
    end_zeros = ConstantOfShape (c_end)
    end_variance = ConstantOfShape <value = float[1] {{{1 - EPSILON}}}> (c_end)
    y = BatchNormalization <epsilon = {EPSILON}, momentum = 1.0> (y_means, gain, bias, end_zeros, end_variance)""",
}
