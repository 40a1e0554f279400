"""Strided depthwise convolutions that stay in float32 where autocast would take them to bfloat16 on a CPU.

Of these oneDNN has no gradient of its own in bfloat16 and falls back to slow reference code: 113 ms for 128 maps of 576
channels of 8x8, and 2 ms in float32 (PyTorch 2.13, AVX-512, two threads).
"""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor, nn


def keep_strided_depthwise_in_float32(model: nn.Module) -> None:
    """Changes how these layers of `model` run, nothing that is saved. A copy of the model made afterwards would run
    with the weights of this one."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels and max(module.stride) > 1:
            module.forward = _run_in_float32(module.forward)  # type: ignore[assignment,method-assign]


def _run_in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(x.float()).to(x.dtype)

    return run
