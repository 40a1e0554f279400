"""The CPU kernels from Python: plugins/cpu/c_interface.h through ctypes, without ONNX Runtime.

library = load_library(LIBRARY, "avx2")
y = library.fwht_layer(x, weights, {"activation": 6})
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import tempfile
from pathlib import Path

import numpy as np

from export.ops.native_structures import (
    Fwht2dParams,
    Fwht2dTrainingParams,
    FwhtLayerGradientsParams,
    FwhtLayerParams,
    MfDepthwiseConvParams,
)


class FwhtBottleneckParams(ctypes.Structure):
    """plugins/fwht_bottleneck/params.h"""

    _fields_ = [
        ("expand", FwhtLayerParams),
        ("project", FwhtLayerParams),
        *((name, ctypes.c_void_p) for name in ("weight", "gain", "bias")),
        ("batch", ctypes.c_int64),
        *((name, ctypes.c_int) for name in ("height", "width", "stride", "op", "activation", "residual")),
    ]


LIBRARY = Path("build/libfwht_onnxruntime.so")
TEXTS = (
    "version",
    "instruction_set",
    "refusal",
    "self_check",
    "fwht_layer",
    "fwht_layer_gradients",
    "mf_depthwise_conv",
    "fwht_bottleneck",
    "fwht_2d",
    "fwht_2d_training",
)
SETS = {"x86_64": ("avx512", "avx2", "baseline"), "aarch64": ("neon", "baseline")}


class Refused(ValueError):
    """The library said that it cannot do that; the sentence is its own."""


class CpuLibrary:
    """The kernels of one instruction set; raises Refused where the machine lacks it."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        for text in TEXTS:
            getattr(self._library, f"fwht_native_{text}").restype = ctypes.c_char_p
        self._library.fwht_native_fwht_layer.argtypes = [ctypes.POINTER(FwhtLayerParams), ctypes.c_int]
        gradients = ctypes.POINTER(FwhtLayerGradientsParams)
        self._library.fwht_native_fwht_layer_gradients.argtypes = [gradients, ctypes.c_int]
        self._library.fwht_native_mf_depthwise_conv.argtypes = [ctypes.POINTER(MfDepthwiseConvParams), ctypes.c_int]
        self._library.fwht_native_fwht_bottleneck.argtypes = [ctypes.POINTER(FwhtBottleneckParams), ctypes.c_int]
        self._library.fwht_native_fwht_2d.argtypes = [ctypes.POINTER(Fwht2dParams), ctypes.c_int]
        training = ctypes.POINTER(Fwht2dTrainingParams)
        self._library.fwht_native_fwht_2d_training.argtypes = [training, ctypes.c_int]
        if self.text("instruction_set") is None:
            raise Refused(self.text("refusal"))

    def text(self, name: str) -> str | None:
        """What fwht_native_<name>() says."""
        said: bytes | None = getattr(self._library, f"fwht_native_{name}")()
        return None if said is None else said.decode()

    @property
    def abi(self) -> int:
        return int(self._library.fwht_native_abi())

    def run_fwht_layer(self, params: FwhtLayerParams, threads: int = 1) -> None:
        """One run; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_fwht_layer(ctypes.byref(params), threads))

    def run_fwht_layer_gradients(self, params: FwhtLayerGradientsParams, threads: int = 1) -> None:
        """One backward run; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_fwht_layer_gradients(ctypes.byref(params), threads))

    def run_mf_depthwise_conv(self, params: MfDepthwiseConvParams, threads: int = 1) -> None:
        """One run; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_mf_depthwise_conv(ctypes.byref(params), threads))

    def run_fwht_2d(self, params: Fwht2dParams, threads: int = 1) -> None:
        """One run; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_fwht_2d(ctypes.byref(params), threads))

    def run_fwht_2d_training(self, params: Fwht2dTrainingParams, threads: int = 1) -> None:
        """One run, backward where there is a gradient of Y; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_fwht_2d_training(ctypes.byref(params), threads))

    def run_fwht_bottleneck(self, params: FwhtBottleneckParams, threads: int = 1) -> None:
        """One run; raises Refused where the library will not."""
        _raise_refusal(self._library.fwht_native_fwht_bottleneck(ctypes.byref(params), threads))

    def fwht_layer(
        self,
        x: np.ndarray,
        weights: dict[str, np.ndarray],
        attributes: dict[str, int],
        residual: np.ndarray | None = None,
        threads: int = 1,
    ) -> np.ndarray:
        """Y (N, out_channels, H, W) of X (N, C_in, H, W); attributes as in contract.json, out_channels from gain."""
        params, y = prepare_fwht_layer(x, weights, attributes, residual)
        self.run_fwht_layer(params, threads)
        return y


def _raise_refusal(said: bytes | None) -> None:
    if said is not None:
        raise Refused(said.decode())


def prepare_fwht_layer(
    x: np.ndarray, weights: dict[str, np.ndarray], attributes: dict[str, int], residual: np.ndarray | None = None
) -> tuple[FwhtLayerParams, np.ndarray]:
    """The parameters of a run, and Y, which is NaN; the arrays, contiguous float32, must live as long as both."""
    values = {"keep_dc": 1, "pool": 1, "activation": 0, "paths": 1, "soft": 0, "block": 0, **attributes}
    out_channels = len(weights["gain"])
    y = np.full((x.shape[0], out_channels, *x.shape[2:]), np.nan, np.float32)
    params = FwhtLayerParams(
        batch=x.shape[0],
        pixels=x.shape[2] * x.shape[3],
        in_channels=x.shape[1],
        out_channels=out_channels,
        n=len(weights["thresholds"]) // values["paths"],
        **values,
    )
    arrays = {"x": x, "y": y, **weights, **({} if residual is None else {"residual": residual})}
    for name, array in arrays.items():
        if array.dtype != np.float32 or not array.flags.c_contiguous:
            raise ValueError(f"{name} is no contiguous float32 array")
        setattr(params, name, array.ctypes.data)
    return params, y


def load_library(path: Path, instruction_set: str) -> CpuLibrary:
    """The library with this set's kernels. A process that has loaded it for another one gets a copy of its own.

    Raises Refused where the machine lacks the set.
    """
    before = os.environ.get("FWHT_CPU")
    os.environ["FWHT_CPU"] = instruction_set  # it is read once, with the first question
    try:
        with tempfile.TemporaryDirectory() as folder:
            return CpuLibrary(Path(shutil.copy(path, Path(folder) / f"{instruction_set}.so")))
    finally:
        if before is None:
            del os.environ["FWHT_CPU"]
        else:
            os.environ["FWHT_CPU"] = before


def load_libraries(path: Path) -> dict[str, CpuLibrary]:
    """By instruction set, all that this machine has, the best first."""
    names = SETS.get(platform.machine(), ("baseline",))
    found = {name: _load_if_there(path, name) for name in names}
    return {name: library for name, library in found.items() if library is not None}


def _load_if_there(path: Path, instruction_set: str) -> CpuLibrary | None:
    try:
        return load_library(path, instruction_set)
    except Refused:
        return None
