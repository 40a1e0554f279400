"""The ONNX function of FWHTLayer: its body, filled in for models of one smooth path or for any others."""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

import onnx
from onnx import helper

from export.to_onnx.function_text import parse_function_text
from export.to_onnx.fwht_body import BODY, EPSILON, TINY
from export.to_onnx.fwht_windows_text import WHOLE, WINDOWS

STEP = 2.0**126

# One smooth path, as in every file that was made before there were others: the same bytes.
PLAIN = {
    "attributes": "",
    "size": "n = Shape (thresholds)",
    "all": "n",
    "lengths": "",
    "forward": "",
    "blocks": "blocks",
    "across": "across_normed",
    "limits": f"""    # smooth threshold
    tiny = Constant <value_float = {TINY}> ()
    huge = Constant <value_float = {1 / TINY}> ()
    is_dc = Less (k, keep_dc_0)
    scales = Where (is_dc, tiny, scale)
    minus_thresholds = Neg (thresholds)
    minus_limits = Where (is_dc, huge, minus_thresholds)""",
    "bent": "bent = Tanh (s)",
    "backward": "",
    "z_blocks": "z_blocks",
    "back": "back_normed",
}
# Any number of paths. What is left with a $ comes from KINDS: the scale and threshold that pass DC, and `bent`.
GENERAL = {
    "attributes": ", paths, soft",
    "size": "all = Shape (thresholds)",
    "all": "all",
    "lengths": """
    paths_0 = Constant <value_int: int = @paths> ()
    paths_1 = Mul (paths_0, single)
    n = Div (all, paths_1)""",
    "forward": """
    forward_repeats = Concat <axis = 0> (paths_1, single)
    across_paths = Tile (across_normed, forward_repeats)
    all_blocks = Mul (paths_1, blocks)""",
    "blocks": "all_blocks",
    "across": "across_paths",
    "limits": """    # threshold; with keep_dc coefficient 0 of the first path passes, and is nought in the others
    all_0 = Squeeze (all)
    k_all = Range (zero, all_0, one)
    k_of_path = Mod (k_all, n)
    is_dc = Less (k_all, keep_dc_0)
    is_left_out = Less (k_of_path, keep_dc_0)
    void = Constant <value_float = 0.0> ()$dc
    other_scales = Where (is_left_out, void, scale)
    scales = Where (is_dc, dc_scale, other_scales)
    minus_thresholds = Neg (thresholds)
    other_limits = Where (is_left_out, void, minus_thresholds)
    minus_limits = Where (is_dc, dc_limit, other_limits)""",
    "backward": """
    backward_repeats = Concat <axis = 0> (single, paths_1)
    back_paths = Tile (back_normed, backward_repeats)
    all_z_blocks = Mul (paths_1, z_blocks)""",
    "z_blocks": "all_z_blocks",
    "back": "back_paths",
}
SMOOTH_DC = f"""
    dc_scale = Constant <value_float = {TINY}> ()
    dc_limit = Constant <value_float = {1 / TINY}> ()"""
SOFT_DC = f"""
    dc_scale = Constant <value_float = 1.0> ()
    dc_limit = Constant <value_float = 0.0> ()
    steps = ConstantOfShape <value = float[1] {{{STEP}}}> (all)
    unit = Constant <value_float = 1.0> ()
    minus_unit = Constant <value_float = -1.0> ()"""
SOFT_BENT = f"""steep = BatchNormalization <epsilon = {EPSILON}, momentum = 1.0> (s, steps, zeros, zeros, variance)
    bent = Clip (steep, minus_unit, unit)"""
MIXED_DC = f"""
    soft_0 = Constant <value_int: int = @soft> ()
    is_soft = Equal (soft_0, one)
    unit = Constant <value_float = 1.0> ()
    tiny = Constant <value_float = {TINY}> ()
    huge = Constant <value_float = {1 / TINY}> ()
    dc_scale = Where (is_soft, unit, tiny)
    dc_limit = Where (is_soft, void, huge)
    largest_step = Constant <value_float = {STEP}> ()
    steepness = Where (is_soft, largest_step, unit)"""
# By the values of `soft` in a model. 2^126 s, cut at -1 and 1, is sgn(s) for every normal s, and so is its tanh. Sign
# was measured, too: it is slower than Tanh; BatchNormalization and Clip together are as fast.
KINDS = {
    (0,): {"dc": SMOOTH_DC, "bent": "bent = Tanh (s)"},
    (1,): {"dc": SOFT_DC, "bent": SOFT_BENT},
    (0, 1): {"dc": MIXED_DC, "bent": "steep = Mul (s, steepness)\n    bent = Tanh (steep)"},
}


DEFAULTS = {"paths": 1, "soft": 0, "block": 0, "windows": 1}


def make_fwht_layer_function(nodes: Iterable[onnx.NodeProto] = ()) -> onnx.FunctionProto:
    """The body for all FWHTLayer nodes of a model, which are among `nodes`: one for every size and attribute.

    Where one of them has paths or is soft, all get both attributes, since a body's references know no defaults; where
    one has blocks, all get those of the windows.
    """
    layers = [node for node in nodes if node.op_type == "FWHTLayer"]
    values = [{a.name: a.i for a in node.attribute} for node in layers]
    has_paths = any("paths" in each or "soft" in each for each in values)
    has_blocks = any("block" in each for each in values)
    wanted = [*(("paths", "soft") if has_paths else ()), *(("block", "windows") if has_blocks else ())]
    for node, each in zip(layers, values):
        node.attribute.extend(helper.make_attribute(name, DEFAULTS[name]) for name in wanted if name not in each)
    body = Template(BODY).safe_substitute(WINDOWS if has_blocks else WHOLE)
    if not has_paths:
        return parse_function_text(Template(body).substitute(PLAIN), "fwht_layer_")
    kind = KINDS[tuple(sorted({each.get("soft", 0) for each in values}))]
    return parse_function_text(Template(Template(body).safe_substitute(GENERAL)).substitute(kind), "fwht_layer_")
