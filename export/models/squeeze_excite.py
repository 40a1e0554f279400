"""Squeeze-and-excite (Hu et al., arXiv 1709.01507) as MobileNet-V3 has it: with a hard sigmoid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scales each channel by a number in 0..1 that two 1x1 convolutions make of the means of all channels.

    (N, channels, H, W) -> the same shape. hard sigmoid(x) = clip(x + 3, 0, 6) / 6.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = F.relu(self.reduce(x.mean(dim=(2, 3), keepdim=True)))
        return x * F.hardsigmoid(self.expand(squeezed))
