"""The native CPU kernels for training: the library that `make native` builds, called through ctypes.

It is the one that the server registers with ONNX Runtime, found and checked in the same way (FWHT_NATIVE, card,
self-check). Work is done by PyTorch's own threads where its OpenMP can be had.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from pathlib import Path
from typing import Optional

import torch

from export.ops.native_structures import Fwht2dTrainingParams, FwhtLayerGradientsParams, FwhtLayerParams
from server.backends.native_kernels import NativeError, load_kernels, read_mode, require_kernels, warn_once


class TrainingLibrary:
    """The kernels of a library that passed its self-check. Calls give up the interpreter's lock."""

    def __init__(self, path: Path, instruction_set: str) -> None:
        self.instruction_set = instruction_set
        library = ctypes.CDLL(str(path))
        self._forward = library.fwht_native_fwht_layer
        self._forward.argtypes = [ctypes.POINTER(FwhtLayerParams), ctypes.c_int]
        self._backward = library.fwht_native_fwht_layer_gradients
        self._backward.argtypes = [ctypes.POINTER(FwhtLayerGradientsParams), ctypes.c_int]
        self._plane = library.fwht_native_fwht_2d_training
        self._plane.argtypes = [ctypes.POINTER(Fwht2dTrainingParams), ctypes.c_int]
        self._forward.restype = self._backward.restype = self._plane.restype = ctypes.c_char_p
        library.fwht_native_set_team(find_team())

    def run_forward(self, params: FwhtLayerParams) -> None:
        """Raises RuntimeError with the library's own sentence where it refuses."""
        _raise_refusal(self._forward(ctypes.byref(params), torch.get_num_threads()))

    def run_backward(self, params: FwhtLayerGradientsParams) -> None:
        """Raises RuntimeError with the library's own sentence where it refuses."""
        _raise_refusal(self._backward(ctypes.byref(params), torch.get_num_threads()))

    def run_plane(self, params: Fwht2dTrainingParams) -> None:
        """FWHT2D, backward where there is a `y_gradient`. Raises RuntimeError with the library's own sentence."""
        _raise_refusal(self._plane(ctypes.byref(params), torch.get_num_threads()))


def _raise_refusal(said: Optional[bytes]) -> None:
    if said is not None:
        raise RuntimeError(said.decode())


def find_team() -> Optional[ctypes.c_void_p]:
    """The address of GOMP_parallel in the OpenMP that PyTorch runs on; None where it has another one."""
    name = "libtorch_cpu.dylib" if sys.platform == "darwin" else "libtorch_cpu.so"
    try:
        function = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / name)).GOMP_parallel
    except (OSError, AttributeError):
        return None
    return ctypes.cast(function, ctypes.c_void_p)


def find_library() -> Optional[TrainingLibrary]:
    """The library, None where PyTorch's operations run instead; looked for once for each value of FWHT_NATIVE.

    Raises StartupError where it is required and cannot be used.
    """
    return _find_library(read_mode())


@lru_cache(maxsize=None)
def _find_library(mode: str) -> Optional[TrainingLibrary]:
    if mode == "off":
        return None
    try:
        found = load_kernels()
    except (NativeError, OSError) as error:
        require_kernels(mode, error)
        warn_once(f"FWHT layers train by PyTorch's own operations, which are slower: {error}")
        return None
    return TrainingLibrary(found.path, found.instruction_set)
