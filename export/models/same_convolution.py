"""A convolution padded as TensorFlow's SAME does, which is uneven where a stride meets an even map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """A convolution of an S x S map that yields ceil(S / stride) rows and columns.

    TensorFlow's rule (tf.nn.convolution, padding "SAME"): the windows of the outputs need t zeros along an axis, t // 2
    of which come first; t = max((ceil(S / stride) - 1) stride + kernel - S, 0). At stride 2 an even map has one zero
    more at its end; nn.Conv2d, with as many at both, would look one pixel further up and left.

    `pads`: rows and columns of zeros above and left, below and right. Maps of other sizes than `map_size` are padded
    alike. Raises ValueError for a kernel of even size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int, map_size: int, groups: int = 1
    ) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is odd, not {kernel_size}")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding=0, groups=groups, bias=False)
        total = count_padding(map_size, kernel_size, stride)
        self.pads = (total // 2, total - total // 2)
        if self.pads[0] == self.pads[1]:
            self.padding = (self.pads[0], self.pads[0])  # the convolution pads by itself, without a copy of the map

    def forward(self, x: Tensor) -> Tensor:
        if self.pads[0] != self.pads[1]:
            x = F.pad(x, self.pads * 2)
        return super().forward(x)


def count_padding(map_size: int, kernel_size: int, stride: int) -> int:
    """How many zeros SAME adds along an axis of `map_size`, before and after together."""
    outputs = -(-map_size // stride)
    return max((outputs - 1) * stride + kernel_size - map_size, 0)
