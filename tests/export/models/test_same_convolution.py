"""TensorFlow's SAME padding, against its definition window by window."""

from __future__ import annotations

import pytest
import torch

from export.models.same_convolution import SameConv2d


def convolve_windows(x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """x (S, S), weight (k, k): the definition, ceil(S / stride) windows an axis, zeros outside, t // 2 of t before."""
    size, kernel = len(x), len(weight)
    outputs = -(-size // stride)
    before = max((outputs - 1) * stride + kernel - size, 0) // 2
    y = torch.zeros(outputs, outputs, dtype=x.dtype)
    for row in range(outputs):
        for column in range(outputs):
            for i in range(kernel):
                for j in range(kernel):
                    r, c = row * stride + i - before, column * stride + j - before
                    if 0 <= r < size and 0 <= c < size:
                        y[row, column] += weight[i, j] * x[r, c]
    return y


@pytest.mark.parametrize("size", [1, 2, 7, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_every_window_lies_where_tensorflow_puts_it(size: int, kernel: int, stride: int) -> None:
    """In float64, where sums of 25 small whole numbers are exact."""
    conv = SameConv2d(1, 1, kernel, stride, size).double()
    conv.weight.data = torch.randint(-9, 10, conv.weight.shape).double()
    x = torch.randint(-9, 10, (size, size)).double()
    assert torch.equal(conv(x[None, None])[0, 0], convolve_windows(x, conv.weight[0, 0], stride))


def test_an_even_map_gets_one_zero_more_below() -> None:
    assert SameConv2d(1, 1, 3, 2, 96).pads == (0, 1)
    assert SameConv2d(1, 1, 5, 2, 96).pads == (1, 2)
    assert SameConv2d(1, 1, 5, 2, 97).pads == SameConv2d(1, 1, 5, 1, 96).pads == (2, 2)


def test_a_kernel_of_even_side_is_refused() -> None:
    with pytest.raises(ValueError, match="odd, not 4"):
        SameConv2d(1, 1, 4, 2, 8)
