"""The windows of an FWHT layer in block mode: which channels each of its small transforms reads.

A layer with block = B transforms B channels at a time (Pan, Badawi, Cetin, arXiv 2201.02711). Where it makes more
channels than it reads, out_channels // B windows are laid over the input, the first one at its beginning and the last
one at its end, evenly apart, rounded down; they may overlap, and a window's B results are B channels of the output.
Where it makes no more than it reads, its windows are the C_in / B blocks of the input.
"""

from __future__ import annotations

from export.ops.hadamard import is_power_of_two, next_power_of_two

LARGEST_BLOCK = 4096
MOST_CHANNELS = 65536  # in block mode; the CUDA kernel counts windows in 16 bits


def list_window_starts(in_channels: int, out_channels: int, block: int) -> list[int]:
    """The first channel of each window of `block` channels.

    Rounded down in whole numbers: window i of K begins at i (C_in - B) // (K - 1). Raises ValueError for sizes that do
    not fit.
    """
    if not is_power_of_two(block) or not 2 <= block <= LARGEST_BLOCK:
        raise ValueError(f"block = {block} must be a power of two from 2 to {LARGEST_BLOCK}, or 0 for no blocks")
    if in_channels < block:
        raise ValueError(
            f"{in_channels} input channels do not fill a block of {block}: take a smaller block, "
            "or block = 0, which appends zeros"
        )
    if in_channels > MOST_CHANNELS:
        raise ValueError(
            f"{in_channels} input channels are more than the {MOST_CHANNELS} that a layer with blocks takes"
        )
    if out_channels > in_channels:
        return _spread(in_channels, out_channels, block)
    if in_channels % block != 0:
        raise ValueError(
            f"{in_channels} input channels are no multiple of block = {block}, as they must be where "
            f"out_channels ({out_channels}) is not more of them"
        )
    return list(range(0, in_channels, block))


def _spread(in_channels: int, out_channels: int, block: int) -> list[int]:
    if out_channels % block != 0:
        raise ValueError(
            f"out_channels = {out_channels} is no multiple of block = {block}, as it must be where it is more "
            f"than the {in_channels} input channels"
        )
    count = out_channels // block  # 2 at least, as out_channels > C_in >= B
    return [i * (in_channels - block) // (count - 1) for i in range(count)]


def choose_length(in_channels: int, out_channels: int, n: int | None, block: int) -> int:
    """n, the coefficients of a transform: `block` where there are blocks, else by default the next power of two.

    Raises ValueError for a given n that does not fit.
    """
    if block:
        if n not in (None, block):
            raise ValueError(f"n = {n} must be block = {block}, the channels of a window, or be left out")
        return block
    n = next_power_of_two(max(in_channels, out_channels, 2)) if n is None else n
    if not is_power_of_two(n) or n < max(in_channels, out_channels, 2):
        raise ValueError(f"n = {n} must be a power of two, at least 2, {in_channels} and {out_channels} (the channels)")
    return n
