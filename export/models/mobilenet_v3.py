"""MobileNet-V3-Large (Howard et al., arXiv 1905.02244, table 1) and its two-dimensional Walsh-Hadamard hybrid.

Of 224x224 pixels and 1000 classes it has 5,483,032 trainable parameters and 217 M multiply-adds, as torchvision's. The
paper's dropout before the classifier is left out (efficientnet.py says why). Images up to 64 pixels get the CIFAR stem,
as in mobilenet.py: stride 1 in the first convolution and in the 24-channel stage.

A hybrid (Pan, Badawi, Cetin, arXiv 2201.02711) has an FWHT2D in place of each 3x3 depthwise convolution, and of the
squeeze-and-excite behind it, and one more before the pooling. The abstract says no more, and the code for this network
is not public. Decided here:

- All nine blocks of 3x3 kernels are hybrid, two of them with squeeze-and-excite. The six of 5x5 kernels stay as they
  are, their squeeze-and-excite included: the abstract speaks of 3x3 convolutions.
- BatchNorm and activation behind the depthwise convolution stay. The layer has the smooth threshold and weights.
- A stride is the layer's own, by means, as in the authors' code.
- The layer before the pooling has neither BatchNorm nor activation. The mean of a map that fills n x n is its first
  coefficient, so there that layer thresholds the channels' means and its other weights are idle: of 32x32 pixels
  (4x4), not of 224x224 (7x7 in 8x8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from export.models.mobilenet import CIFAR_STEM_UP_TO, scale_width
from export.models.squeeze_excite import SqueezeExcite
from export.ops.fwht_2d import FWHT2D
from export.ops.fwht_2d_reference import LARGEST_SIDE


class Row(NamedTuple):
    """Of table 1: kernel, channels within and behind the block, squeeze-and-excite, hard swish (or ReLU), stride."""

    kernel: int
    hidden: int
    channels: int
    excite: bool
    hard_swish: bool
    stride: int


BLOCKS = (
    Row(3, 16, 16, False, False, 1),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False, 1),
    Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 480, 112, True, True, 1),
    Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2),
    Row(5, 960, 160, True, True, 1),
    Row(5, 960, 160, True, True, 1),
)
STEM_CHANNELS, HEAD_CHANNELS, EMBEDDING = 16, 960, 1280
SQUEEZED = 0.25  # of the channels within a block
EPS = 1e-3


@dataclass(frozen=True)
class MobileNetV3Spec:
    """`fwht_2d`: the hybrid."""

    fwht_2d: bool = False


class Block(nn.Module):
    """expand 1x1, depthwise, squeeze-and-excite, project 1x1; no expansion where that would change nothing.

    `size`: the side of the maps that it reads.
    """

    def __init__(self, in_channels: int, row: Row, stride: int, size: int, fwht_2d: bool) -> None:
        super().__init__()
        hidden, hybrid = row.hidden, fwht_2d and row.kernel == 3
        self.activate = F.hardswish if row.hard_swish else F.relu
        self.residual = stride == 1 and in_channels == row.channels
        expands = hidden != in_channels
        self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False) if expands else None
        self.expand_bn = nn.BatchNorm2d(hidden, EPS) if expands else None
        self.depthwise = (
            FWHT2D(hidden, size, stride=stride)
            if hybrid
            else nn.Conv2d(hidden, hidden, row.kernel, stride, padding=row.kernel // 2, groups=hidden, bias=False)
        )
        self.depthwise_bn = nn.BatchNorm2d(hidden, EPS)
        excites = row.excite and not hybrid
        self.excite = SqueezeExcite(hidden, scale_width(hidden, SQUEEZED)) if excites else None
        self.project = nn.Conv2d(hidden, row.channels, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(row.channels, EPS)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.expand is not None and self.expand_bn is not None:
            y = self.activate(self.expand_bn(self.expand(y)))
        y = self.activate(self.depthwise_bn(self.depthwise(y)))
        if self.excite is not None:
            y = self.excite(y)
        y = self.project_bn(self.project(y))
        return x + y if self.residual else y


class MobileNetV3(nn.Module):
    """image (N, 3, S, S), normalised -> logits (N, classes).

    Raises ValueError for a hybrid of images whose maps are too large to be transformed.
    """

    def __init__(self, spec: MobileNetV3Spec, classes: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= CIFAR_STEM_UP_TO
        size = image_size if small else -(-image_size // 2)
        if spec.fwht_2d and size > LARGEST_SIDE:
            raise ValueError(
                f"images of {image_size} pixels make maps of {size} in the first blocks, and FWHT2D takes "
                f"{LARGEST_SIDE} at most: make them {LARGEST_SIDE * 2} pixels or smaller"
            )
        channels = STEM_CHANNELS
        self.stem = nn.Conv2d(3, channels, 3, 1 if small else 2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(channels, EPS)
        self.blocks = nn.ModuleDict()
        for number, row in enumerate(BLOCKS, 1):
            stride = 1 if small and row.channels == 24 else row.stride
            self.blocks[str(number)] = Block(channels, row, stride, size, spec.fwht_2d)
            channels, size = row.channels, -(-size // stride)
        self.head = nn.Conv2d(channels, HEAD_CHANNELS, 1, bias=False)
        self.head_bn = nn.BatchNorm2d(HEAD_CHANNELS, EPS)
        self.last_fwht = FWHT2D(HEAD_CHANNELS, size) if spec.fwht_2d else None
        self.embedding = nn.Linear(HEAD_CHANNELS, EMBEDDING)
        self.classifier = nn.Linear(EMBEDDING, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        x = F.hardswish(self.head_bn(self.head(x)))
        if self.last_fwht is not None:
            x = self.last_fwht(x)
        x = F.hardswish(self.embedding(x.mean(dim=(2, 3))))
        logits: Tensor = self.classifier(x)
        return logits
