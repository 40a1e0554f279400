"""ResNet for small images (He et al., arXiv 1512.03385, section 4.2), a plain rival of the hybrids' size, and its
two-dimensional Walsh-Hadamard hybrids.

Three stages of 16, 32 and 64 channels, each of the same number of blocks of two 3x3 convolutions. Where a block halves
the map its shortcut is a 1x1 convolution with a BatchNorm (the paper's option B). Images larger than 64 pixels get a
stride of 2 in the stem and in the first stage as well.

A hybrid replaces the second convolution of every block by a HadamardConv2d (Pan, Zhu, Atici, Cetin, arXiv 2305.17510);
its BatchNorm stays. ResNet-20 has 272,474 trainable parameters, 145,152 of them in those nine convolutions. Each path
puts 3 (16^2 + 32^2 + 64^2) = 16,128 into their place for channels, and 3 * 2 (32^2 + 16^2 + 8^2) = 8,064 for thresholds
and factors of 32x32 pixels' maps: 151,514 with one path, 24,192 more with each other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from export.models.hadamard_convolution import HadamardConv2d
from export.models.mobilenet import CIFAR_STEM_UP_TO
from export.ops.fwht_2d_reference import LARGEST_SIDE

STAGES = ((16, 1), (32, 2), (64, 2))  # channels, stride of the first block


@dataclass(frozen=True)
class ResNetSpec:
    """`blocks` in each of the three stages: 2 * 3 * blocks + 2 layers in all.

    `paths` of the HadamardConv2d in place of the second convolutions, 0: these stay; `residual` is its own.
    """

    blocks: int
    paths: int = 0
    residual: bool = False


class Block(nn.Module):
    """Two 3x3 convolutions with their BatchNorms, and the input added before the last ReLU.

    `size`: the side of the maps that it makes.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, size: int, spec: ResNetSpec) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(channels)
        self.conv2 = (
            HadamardConv2d(channels, size, spec.paths, spec.residual)
            if spec.paths
            else nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        )
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
    """image (N, 3, S, S), normalised -> logits (N, classes).

    Raises ValueError for a hybrid of images whose maps are too large to be transformed.
    """

    def __init__(self, spec: ResNetSpec, classes: int, image_size: int) -> None:
        super().__init__()
        larger = 1 if image_size <= CIFAR_STEM_UP_TO else 2
        size = -(-image_size // larger)
        if spec.paths and -(-size // larger) > LARGEST_SIDE:
            raise ValueError(
                f"images of {image_size} pixels make maps of {-(-size // larger)} in the first stage, and FWHT2D takes "
                f"{LARGEST_SIDE} at most: make them {LARGEST_SIDE * 4} pixels or smaller"
            )
        channels = STAGES[0][0]
        self.stem = nn.Conv2d(3, channels, 3, larger, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleDict()
        for width, first_stride in STAGES:
            for i in range(spec.blocks):
                stride = 1 if i else max(first_stride, larger)
                size = -(-size // stride)
                self.blocks[str(len(self.blocks) + 1)] = Block(channels, width, stride, size, spec)
                channels = width
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits
