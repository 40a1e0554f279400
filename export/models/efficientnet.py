"""EfficientNet-Lite0, a MobileNet-V2 of other proportions with 5x5 kernels, and its Walsh-Hadamard hybrids.

The network is Google's (EfficientNet, Tan and Le, arXiv 1905.11946, table 1, without squeeze-and-excite and with ReLU6:
the "lite" variant of the TPU repository, whose ImageNet weights many have). It keeps TensorFlow's conventions, without
which those weights would be worth less: SAME padding, and BatchNorm with eps = 0.001. Dropout before the classifier is
left out: it draws from a generator whose state no training here keeps.

A hybrid replaces both 1x1 convolutions of its last bottlenecks by FWHT layers, as in mobilenet.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from export.models.bottleneck import Bottleneck, make_pointwise
from export.models.same_convolution import SameConv2d

# kernel, stride of the first bottleneck, expansion, channels, bottlenecks
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
BOTTLENECKS = sum(stage[4] for stage in STAGES)
EPS = 1e-3


@dataclass(frozen=True)
class EfficientNetSpec:
    """What sets a model apart: how many of the last bottlenecks are hybrid, and the head's 1x1 convolution.

    The FWHT layers of the hybrids have three paths of soft thresholds by themselves: they lose the least, for about the
    time of one smooth path.
    """

    fwht_bottlenecks: int = 0
    fwht_head: bool = False
    pool: bool = False
    scale: bool = True
    paths: int = 3
    soft: bool = True
    keep_dc: bool = True
    fwht_expand: bool = True
    fwht_project: bool = True


class EfficientNetLite(nn.Module):
    """image (N, 3, S, S), normalised -> logits (N, classes)."""

    def __init__(self, spec: EfficientNetSpec, classes: int, image_size: int) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM_CHANNELS, 3, 2, image_size)
        self.stem_bn = nn.BatchNorm2d(STEM_CHANNELS, EPS)
        self.blocks = nn.ModuleDict()
        channels, map_size = STEM_CHANNELS, -(-image_size // 2)
        for kernel, first_stride, expansion, width, repeats in STAGES:
            for i in range(repeats):
                number, stride = len(self.blocks) + 1, 1 if i else first_stride
                hybrid = number > BOTTLENECKS - spec.fwht_bottlenecks
                make = partial(make_depthwise, kernel=kernel, stride=stride, map_size=map_size)
                self.blocks[str(number)] = Bottleneck(channels, width, expansion, stride, make, hybrid, spec, EPS)
                channels, map_size = width, -(-map_size // stride)
        self.head = make_pointwise(channels, HEAD_CHANNELS, spec.fwht_head, spec)
        self.head_bn = nn.BatchNorm2d(HEAD_CHANNELS, EPS)
        self.classifier = nn.Linear(HEAD_CHANNELS, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        x = F.relu6(self.head_bn(self.head(x)))
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


def make_depthwise(channels: int, kernel: int, stride: int, map_size: int) -> nn.Module:
    return SameConv2d(channels, channels, kernel, stride, map_size, groups=channels)
