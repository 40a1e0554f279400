"""What runs the FWHT layers in training: the native kernels or PyTorch's own operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import torch
from torch import nn

from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer
from export.ops.native_library import find_library
from export.train.options import Options
from export.train.state import TrainingError
from server.backends.native_kernels import read_mode
from server.errors import StartupError

NATIVE_PRECISIONS = ("fp32", "bf16")  # in which the native kernels run; they compute in float32 in both


@dataclass(frozen=True)
class PlainArithmetic:
    """Not compiled."""

    precision: str = "fp32"
    compile: bool = False


def describe_kernels(model: nn.Module, options: Union[Options, PlainArithmetic], device: torch.device) -> Optional[str]:
    """ "native avx2" or "PyTorch"; None where there are no FWHT layers, or on a GPU, for which no such kernels are.

    Raises TrainingError where FWHT_NATIVE requires what cannot be had.
    """
    if device.type != "cpu" or not any(isinstance(module, (FWHTLayer, FWHT2D)) for module in model.modules()):
        return None
    try:
        mode = read_mode()
        if options.precision in NATIVE_PRECISIONS and not options.compile:
            library = find_library()
            return "PyTorch" if library is None else f"native {library.instruction_set}"
    except StartupError as error:
        raise TrainingError(str(error)) from error
    if mode == "required":
        raise TrainingError(
            "FWHT_NATIVE is 'required', but the native kernels train in --precision fp32 or bf16, without --compile"
        )
    return "PyTorch"
