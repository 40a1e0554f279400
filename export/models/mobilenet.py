"""MobileNet-V2 (Sandler et al., arXiv 1801.04381, table 2), at any width, and its Walsh-Hadamard hybrids.

A hybrid replaces both 1x1 convolutions of the last bottlenecks by FWHT layers (Pan, Badawi, Cetin, arXiv 2104.07085);
BatchNorm and ReLU6 around them stay. Images up to 64 pixels get the CIFAR stem: stride 1 in the first convolution and
in the 24-channel stage, so that a 32x32 image ends as 4x4; larger ones the standard strides, 32 in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from export.models.bottleneck import Bottleneck, make_pointwise
from export.ops.layers import MFDepthwiseConv

# expansion, channels, bottlenecks, stride of the first of them
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
BOTTLENECKS = sum(stage[2] for stage in STAGES)
CIFAR_STEM_UP_TO = 64  # pixels


@dataclass(frozen=True)
class MobileNetSpec:
    """What sets a model apart.

    `width` multiplies the channels; `fwht_bottlenecks` of the last bottlenecks are hybrid, the last 1x1 convolution
    with `fwht_head`, and their depthwise convolution with `operator` (0: an ordinary one). `pool`: a projecting FWHT
    layer averages neighbouring channels instead of keeping the first ones; `scale`: FWHT layers have a trainable factor
    for each coefficient (arXiv 2201.02711); `paths`, `soft` and `keep_dc` are theirs, too (export/ops/layers.py);
    without `fwht_expand` or `fwht_project` that 1x1 convolution of a hybrid bottleneck stays.
    """

    width: float = 1.0
    fwht_bottlenecks: int = 0
    fwht_head: bool = False
    operator: int = 0
    pool: bool = False
    scale: bool = False
    paths: int = 1
    soft: bool = False
    keep_dc: bool = True
    fwht_expand: bool = True
    fwht_project: bool = True


def scale_width(channels: int, width: float) -> int:
    """A multiple of 8, at least 8, and never more than a tenth below `channels` x `width` (the authors' rule)."""
    wanted = channels * width
    scaled = max(8, int(wanted + 4) // 8 * 8)
    return scaled + 8 if scaled < 0.9 * wanted else scaled


def make_depthwise(channels: int, stride: int, operator: int) -> nn.Module:
    if operator:
        return MFDepthwiseConv(channels, stride=stride, operator=operator)
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)


class MobileNetV2(nn.Module):
    """image (N, 3, S, S), normalised -> logits (N, classes)."""

    def __init__(self, spec: MobileNetSpec, classes: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= CIFAR_STEM_UP_TO
        channels = scale_width(STEM_CHANNELS, spec.width)
        self.stem = nn.Conv2d(3, channels, 3, 1 if small else 2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(channels)
        self.blocks = nn.ModuleDict()
        for expansion, stage_channels, repeats, first_stride in STAGES:
            width = scale_width(stage_channels, spec.width)
            for i in range(repeats):
                number = len(self.blocks) + 1
                hybrid = number > BOTTLENECKS - spec.fwht_bottlenecks
                stride = 1 if i > 0 or (small and stage_channels == 24) else first_stride
                make = partial(make_depthwise, stride=stride, operator=spec.operator if hybrid else 0)
                self.blocks[str(number)] = Bottleneck(channels, width, expansion, stride, make, hybrid, spec)
                channels = width
        head_channels = scale_width(HEAD_CHANNELS, max(1.0, spec.width))
        self.head = make_pointwise(channels, head_channels, spec.fwht_head, spec)
        self.head_bn = nn.BatchNorm2d(head_channels)
        self.classifier = nn.Linear(head_channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        x = F.relu6(self.head_bn(self.head(x)))
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits
