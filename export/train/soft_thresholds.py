"""Soft thresholds stay at 0 or above while a model learns."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer


def list_soft_thresholds(model: nn.Module) -> list[nn.Parameter]:
    """Of all layers with a soft threshold."""
    return [one.thresholds for one in model.modules() if isinstance(one, (FWHTLayer, FWHT2D)) and one.soft]


@torch.no_grad()
def hold_thresholds(thresholds: Iterable[nn.Parameter]) -> None:
    """At 0 or above: below, sgn(s) (|s| - T) jumps at s = 0, and two engines that round differently disagree."""
    for one in thresholds:
        one.clamp_(min=0)
