"""MobileNet-V2 (Sandler et al., arXiv 1801.04381, table 2) and its Walsh-Hadamard hybrids, by name.

A hybrid replaces both 1x1 convolutions of the last bottlenecks by FWHT layers (Pan, Badawi, Cetin, arXiv 2104.07085);
BatchNorm and ReLU6 around them stay. Images up to 64 pixels get the CIFAR stem: stride 1 in the first convolution and
in the 24-channel stage, so that a 32x32 image ends as 4x4; larger ones the standard strides, 32 in all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from export.layers import FWHTLayer, MFDepthwiseConv

# expansion, channels, bottlenecks, stride of the first of them
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
BOTTLENECKS = sum(stage[2] for stage in STAGES)
CIFAR_STEM_UP_TO = 64  # pixels


@dataclass(frozen=True)
class Spec:
    """What sets a model apart: how many of the last bottlenecks are hybrid, the last 1x1 convolution, the operator."""

    fwht_bottlenecks: int = 0
    fwht_head: bool = False
    mf_operator: int = 0  # 0: ordinary depthwise convolutions


MODELS = {
    "mobilenet_v2": Spec(),
    "fwht_mobilenet_v2": Spec(fwht_bottlenecks=5),
    "fwht_mobilenet_v2_slim": Spec(fwht_bottlenecks=5, fwht_head=True),
    "fwht_mf_mobilenet_v2": Spec(fwht_bottlenecks=5, mf_operator=1),
}


def pointwise(in_channels: int, out_channels: int, fwht: bool) -> nn.Module:
    return FWHTLayer(in_channels, out_channels) if fwht else nn.Conv2d(in_channels, out_channels, 1, bias=False)


def depthwise(channels: int, stride: int, operator: int) -> nn.Module:
    if operator:
        return MFDepthwiseConv(channels, stride=stride, operator=operator)
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False)


class Bottleneck(nn.Module):
    """expand 1x1, depthwise 3x3, project 1x1, each with its BatchNorm; no expansion where the factor is 1."""

    def __init__(self, in_channels: int, channels: int, expansion: int, stride: int, fwht: bool, operator: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.residual = stride == 1 and in_channels == channels
        self.expand = pointwise(in_channels, hidden, fwht) if expansion > 1 else None
        self.expand_bn = nn.BatchNorm2d(hidden) if expansion > 1 else None
        self.depthwise = depthwise(hidden, stride, operator)
        self.depthwise_bn = nn.BatchNorm2d(hidden)
        self.project = pointwise(hidden, channels, fwht)
        self.project_bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.expand is not None and self.expand_bn is not None:
            y = F.relu6(self.expand_bn(self.expand(y)))
        y = F.relu6(self.depthwise_bn(self.depthwise(y)))
        y = self.project_bn(self.project(y))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """image (N, 3, S, S), normalised -> logits (N, classes)."""

    def __init__(self, spec: Spec, classes: int, image_size: int) -> None:
        super().__init__()
        small = image_size <= CIFAR_STEM_UP_TO
        self.stem = nn.Conv2d(3, STEM_CHANNELS, 3, 1 if small else 2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(STEM_CHANNELS)
        self.blocks = nn.ModuleDict()
        channels = STEM_CHANNELS
        for expansion, width, repeats, first_stride in STAGES:
            for i in range(repeats):
                number = len(self.blocks) + 1
                hybrid = number > BOTTLENECKS - spec.fwht_bottlenecks
                stride = 1 if i > 0 or (small and width == 24) else first_stride
                block = Bottleneck(channels, width, expansion, stride, hybrid, spec.mf_operator if hybrid else 0)
                self.blocks[str(number)] = block
                channels = width
        self.head = pointwise(channels, HEAD_CHANNELS, spec.fwht_head)
        self.head_bn = nn.BatchNorm2d(HEAD_CHANNELS)
        self.classifier = nn.Linear(HEAD_CHANNELS, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem_bn(self.stem(x)))
        for block in self.blocks.values():
            x = block(x)
        x = F.relu6(self.head_bn(self.head(x)))
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


def build_model(name: str, classes: int = 10, image_size: int = 32) -> MobileNetV2:
    """A freshly initialised model. Raises ValueError for an unknown name, no classes or an image without pixels."""
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    if classes < 1 or image_size < 1:
        raise ValueError(f"classes and image_size are at least 1, not {classes} and {image_size}")
    return MobileNetV2(MODELS[name], classes, image_size)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """What is stored and counted: every parameter and the BatchNorm running statistics, by module path."""
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def total_parameters(model: nn.Module) -> int:
    """The size of `weights`: BatchNorm's running mean and variance count, as Keras counts them."""
    return sum(v.numel() for v in weights(model).values())
