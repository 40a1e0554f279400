"""Depthwise convolutions that stay in float32 where autocast would take them to bfloat16 on a CPU.

Of those with a stride or windows larger than 3x3 oneDNN has no fast gradient in bfloat16: its reference code takes
113 ms for 128 maps of 576 channels of 8x8 with stride 2, and 2 ms in float32 (PyTorch 2.13, AVX-512, two threads).
Those of 3x3 without a stride are faster in bfloat16.
"""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor, nn


def keep_depthwise_in_float32(model: nn.Module) -> None:
    """Changes how these layers of `model` run, nothing that is saved. A copy of the model made afterwards would run
    with the weights of this one."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels and not _is_fast(module):
            module.forward = _run_in_float32(module.forward)  # type: ignore[assignment,method-assign]


def _is_fast(layer: nn.Conv2d) -> bool:
    return max(layer.stride) == 1 and max(layer.kernel_size) <= 3


def _run_in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(x.float()).to(x.dtype)

    return run
