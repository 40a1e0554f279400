"""ResNet for small images (He et al., arXiv 1512.03385, section 4.2): a plain rival of the hybrids' size.

Three stages of 16, 32 and 64 channels, each of the same number of blocks of two 3x3 convolutions. Where a block halves
the map its shortcut is a 1x1 convolution with a BatchNorm (the paper's option B). Images larger than 64 pixels get a
stride of 2 in the stem and in the first stage as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from export.models.mobilenet import CIFAR_STEM_UP_TO

STAGES = ((16, 1), (32, 2), (64, 2))  # channels, stride of the first block


@dataclass(frozen=True)
class ResNetSpec:
    """`blocks` in each of the three stages: 2 * 3 * blocks + 2 layers in all."""

    blocks: int


class Block(nn.Module):
    """Two 3x3 convolutions with their BatchNorms, and the input added before the last ReLU."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2_bn = nn.BatchNorm2d(channels)
        same = stride == 1 and in_channels == channels
        self.shortcut = None if same else nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        self.shortcut_bn = None if same else nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv1_bn(self.conv1(x)))
        y = self.conv2_bn(self.conv2(y))
        if self.shortcut is not None and self.shortcut_bn is not None:
            x = self.shortcut_bn(self.shortcut(x))
        return F.relu(x + y)


class ResNet(nn.Module):
    """image (N, 3, S, S), normalised -> logits (N, classes)."""

    def __init__(self, spec: ResNetSpec, classes: int, image_size: int) -> None:
        super().__init__()
        larger = 1 if image_size <= CIFAR_STEM_UP_TO else 2
        channels = STAGES[0][0]
        self.stem = nn.Conv2d(3, channels, 3, larger, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleDict()
        for width, first_stride in STAGES:
            for i in range(spec.blocks):
                stride = 1 if i else max(first_stride, larger)
                self.blocks[str(len(self.blocks) + 1)] = Block(channels, width, stride)
                channels = width
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits
