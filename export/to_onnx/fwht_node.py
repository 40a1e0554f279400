"""The ONNX node of an FWHT layer, with the attributes that its function body wants beside those of the op."""

from __future__ import annotations

import onnx

from export.ops.contract import make_contract_node
from export.ops.hadamard import is_power_of_two
from export.ops.windows import list_window_starts
from export.to_onnx.fwht_body import LARGEST_N


def _count_blocks(n: int, channels: int) -> int:
    """How many blocks `channels` fall into: the largest block that divides them and is at most the root of n."""
    block = 1
    while 4 * block * block <= n and channels % (2 * block) == 0:
        block *= 2
    return channels // block


def make_fwht_layer_node(
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
    paths: int = 1,
    soft: int = 0,
    block: int = 0,
) -> onnx.NodeProto:
    """The node `name`; `inputs` are X, thresholds, scale, gain and bias, n is the number of thresholds of a path.

    Raises ValueError where the sizes break the op's rules.
    """
    _check_sizes(name, n, in_channels, out_channels, pool, block)
    # Groups of an odd number of channels straddle the blocks, so only a power of two is averaged inside them.
    backward_groups = _count_blocks(n, out_channels) if is_power_of_two(pool) else out_channels
    groups = {"forward_groups": _count_blocks(n, in_channels), "backward_groups": backward_groups}
    if block:
        windows = len(list_window_starts(in_channels, out_channels, block))
        groups = {"forward_groups": _count_blocks(block, block), "backward_groups": _count_blocks(block, block)}
        groups["windows"] = windows
    return make_contract_node(
        "fwht_layer",
        name,
        inputs,
        output,
        {
            "out_channels": out_channels,
            "keep_dc": keep_dc,
            "pool": pool,
            "activation": activation,
            "paths": paths,
            "soft": soft,
            "block": block,
        },
        in_channels=in_channels,
        **groups,
    )


def _check_sizes(name: str, n: int, in_channels: int, out_channels: int, pool: int, block: int) -> None:
    if pool < 1 or (pool > 1 and out_channels > in_channels // pool):
        raise ValueError(f"{name}: pool {pool} leaves fewer than {out_channels} of {in_channels} channels")
    if block:
        try:
            list_window_starts(in_channels, out_channels, block)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if block != n:
            raise ValueError(f"{name}: block = {block} must be the number of thresholds of a path, which is {n}")
        return
    if not is_power_of_two(n) or not max(in_channels, out_channels, 2) <= n <= LARGEST_N:
        raise ValueError(
            f"{name}: n is a power of two from 2 to {LARGEST_N} that holds all channels; "
            f"{n} does not, with {in_channels} in and {out_channels} out"
        )
