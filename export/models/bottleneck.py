"""The inverted bottleneck that MobileNet-V2 and EfficientNet-Lite are made of, and its Walsh-Hadamard hybrid."""

from __future__ import annotations

from typing import Callable, Protocol

import torch.nn.functional as F
from torch import Tensor, nn

from export.ops.layers import FWHTLayer


class HybridOptions(Protocol):
    """What a model's spec says of its FWHT layers (export/ops/layers.py): its fields of these names.

    `pool`: a projecting layer averages neighbouring channels instead of keeping the first ones; `scale`: a trainable
    factor for each coefficient (arXiv 2201.02711). `fwht_expand` and `fwht_project`: whether that 1x1 convolution of a
    hybrid bottleneck is an FWHT layer.
    """

    @property
    def pool(self) -> bool: ...

    @property
    def scale(self) -> bool: ...

    @property
    def paths(self) -> int: ...

    @property
    def soft(self) -> bool: ...

    @property
    def keep_dc(self) -> bool: ...

    @property
    def fwht_expand(self) -> bool: ...

    @property
    def fwht_project(self) -> bool: ...


def make_pointwise(in_channels: int, out_channels: int, fwht: bool, options: HybridOptions) -> nn.Module:
    """A 1x1 convolution without a bias, or the FWHT layer in its place."""
    if not fwht:
        return nn.Conv2d(in_channels, out_channels, 1, bias=False)
    pool = max(1, in_channels // out_channels) if options.pool else 1
    own = {"scale": options.scale, "paths": options.paths, "soft": options.soft, "keep_dc": options.keep_dc}
    return FWHTLayer(in_channels, out_channels, pool=pool, **own)  # type: ignore[arg-type]


class Bottleneck(nn.Module):
    """expand 1x1, depthwise, project 1x1, each with its BatchNorm; no expansion where the factor is 1.

    `make_depthwise` makes the depthwise convolution of so many channels, of stride `stride`; `eps` is BatchNorm's.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        expansion: int,
        stride: int,
        make_depthwise: Callable[[int], nn.Module],
        hybrid: bool,
        options: HybridOptions,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.residual = stride == 1 and in_channels == channels
        self.expand = (
            make_pointwise(in_channels, hidden, hybrid and options.fwht_expand, options) if expansion > 1 else None
        )
        self.expand_bn = nn.BatchNorm2d(hidden, eps) if expansion > 1 else None
        self.depthwise = make_depthwise(hidden)
        self.depthwise_bn = nn.BatchNorm2d(hidden, eps)
        self.project = make_pointwise(hidden, channels, hybrid and options.fwht_project, options)
        self.project_bn = nn.BatchNorm2d(channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.expand is not None and self.expand_bn is not None:
            y = F.relu6(self.expand_bn(self.expand(y)))
        y = F.relu6(self.depthwise_bn(self.depthwise(y)))
        y = self.project_bn(self.project(y))
        return x + y if self.residual else y
