"""The windows of the block mode, by hand and against the rounded-down linspace of the paper's code."""

from __future__ import annotations

import numpy as np
import pytest

from export.ops.windows import list_window_starts


def test_windows_by_hand() -> None:
    assert list_window_starts(24, 96, 16) == [0, 1, 3, 4, 6, 8]  # 8 i / 5, rounded down
    assert list_window_starts(24, 48, 24 - 8) == [0, 4, 8]
    assert list_window_starts(96, 24, 32) == [0, 32, 64]
    assert list_window_starts(32, 32, 32) == [0]


@pytest.mark.parametrize("block", [2, 8, 32, 128])
def test_windows_lie_inside_and_begin_where_linspace_says(block: int) -> None:
    """NumPy's may lie just below a whole number, which then loses one: ours are exact."""
    for in_channels in range(block, 3 * block + 5, 3):
        for count in range(in_channels // block + 1, 40):
            starts = np.array(list_window_starts(in_channels, count * block, block))
            spread = np.linspace(0, in_channels - block, count)
            assert starts[0] == 0 and starts[-1] == in_channels - block and len(starts) == count
            assert (np.floor(spread + 1e-9) == starts).all()


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((96, 24, 12), "block = 12 must be a power of two from 2 to 4096"),
        ((96, 24, 1), "block = 1 must be"),
        ((96, 24, -4), "block = -4 must be"),
        ((9000, 9000, 8192), "block = 8192 must be"),
        ((24, 96, 32), "24 input channels do not fill a block of 32"),
        ((65540, 4, 4), "65540 input channels are more than the 65536"),
        ((24, 8, 16), "24 input channels are no multiple of block = 16"),
        ((24, 24, 16), "24 input channels are no multiple of block = 16"),
        ((24, 40, 16), "out_channels = 40 is no multiple of block = 16"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: tuple[int, int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list_window_starts(*sizes)
