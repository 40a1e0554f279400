"""The compiled kernels from Python: the C interface of plugins/c_interface.h through ctypes, without torch or pycuda.

    library = Library(KERNELS)
    with Stream(library) as stream, Buffer.of(library, x) as source, Buffer(library, bytes) as target:
        library.fwht_layer(FwhtLayerParams(x=source.pointer, ...), stream)

Nothing touches a GPU, and no library is loaded, before `Library` is made.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from export.ops.native_structures import Fwht2dParams, FwhtLayerParams, MfDepthwiseConvParams

KERNELS = Path("build/libfwht_kernels.so")
PLUGIN = Path("build/libfwht_plugin.so")  # the kernels, the C interface and the TensorRT plugins

T = TypeVar("T", bound="Resource")


POINTER, SIZE = ctypes.c_void_p, ctypes.c_uint64
TO_POINTER = ctypes.POINTER(ctypes.c_void_p)
# every one of these returns a cudaError_t
CALLS: dict[str, list[Any]] = {
    "fwht_layer_launch": [ctypes.POINTER(FwhtLayerParams), POINTER],
    "fwht_2d_launch": [ctypes.POINTER(Fwht2dParams), POINTER],
    "mf_depthwise_conv_launch": [ctypes.POINTER(MfDepthwiseConvParams), POINTER],
    "fwht_malloc": [TO_POINTER, SIZE],
    "fwht_free": [POINTER],
    "fwht_copy_in": [POINTER, POINTER, SIZE],
    "fwht_copy_out": [POINTER, POINTER, SIZE],
    "fwht_copy_device": [POINTER, POINTER, SIZE, POINTER],
    "fwht_memset": [POINTER, ctypes.c_int, SIZE, POINTER],
    "fwht_stream_create": [TO_POINTER],
    "fwht_stream_destroy": [POINTER],
    "fwht_stream_synchronize": [POINTER],
    "fwht_event_create": [TO_POINTER],
    "fwht_event_destroy": [POINTER],
    "fwht_event_record": [POINTER, POINTER],
    "fwht_event_elapsed_ms": [ctypes.POINTER(ctypes.c_float), POINTER, POINTER],
    "fwht_graph_begin": [POINTER],
    "fwht_graph_end": [POINTER, TO_POINTER],
    "fwht_graph_launch": [POINTER, POINTER],
    "fwht_graph_destroy": [POINTER],
}
TEXTS: dict[str, list[Any]] = {
    "fwht_version": [],
    "fwht_layer_check": [ctypes.POINTER(FwhtLayerParams)],
    "fwht_2d_check": [ctypes.POINTER(Fwht2dParams)],
    "mf_depthwise_conv_check": [ctypes.POINTER(MfDepthwiseConvParams)],
    "fwht_error_string": [ctypes.c_int],
}


class CudaError(RuntimeError):
    """A CUDA call did not return cudaSuccess."""


class Library:
    """A loaded library. Raises FileNotFoundError with what to do where there is none."""

    def __init__(self, path: Path = KERNELS) -> None:
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: build it with `make plugin`")
        # global: TensorRT finds plugins that registered themselves on loading
        self._library = ctypes.CDLL(str(path.resolve()), mode=ctypes.RTLD_GLOBAL)
        for name, types in CALLS.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = types, ctypes.c_int
        for name, types in TEXTS.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = types, ctypes.c_char_p

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a cudaError_t. Raises CudaError with CUDA's words for it."""
        error = getattr(self._library, name)(*arguments)
        if error != 0:
            raise CudaError(f"{name}: {self.read_text('fwht_error_string', error)} (error {error})")

    def read_text(self, name: str, *arguments: Any) -> str | None:
        words = getattr(self._library, name)(*arguments)
        return None if words is None else str(words.decode())

    def fwht_layer(self, params: FwhtLayerParams, stream: Stream) -> None:
        """Start the layer. Raises ValueError with the kernel's own sentence where it refuses the parameters."""
        self._launch("fwht_layer", params, stream)

    def fwht_2d(self, params: Fwht2dParams, stream: Stream) -> None:
        self._launch("fwht_2d", params, stream)

    def mf_depthwise_conv(self, params: MfDepthwiseConvParams, stream: Stream) -> None:
        self._launch("mf_depthwise_conv", params, stream)

    def _launch(self, kernel: str, params: ctypes.Structure, stream: Stream) -> None:
        refusal = self.read_text(f"{kernel}_check", ctypes.byref(params))
        if refusal is not None:
            raise ValueError(f"{kernel}: {refusal}")
        self.call(f"{kernel}_launch", ctypes.byref(params), stream.pointer)

    def copy(self, target: int, source: int, size: int, stream: Stream) -> None:
        """cudaMemcpyAsync from device to device."""
        self.call("fwht_copy_device", target, source, size, stream.pointer)


class Resource:
    """Something of the device with a pointer; given back at the end of a `with`."""

    release = ""

    def __init__(self, library: Library, pointer: int) -> None:
        self.library, self.pointer = library, pointer

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.library.call(self.release, self.pointer)


def create_resource(library: Library, call: str, *arguments: Any) -> int:
    """The pointer that `call` hands out through its first argument."""
    pointer = ctypes.c_void_p()
    library.call(call, ctypes.byref(pointer), *arguments)
    return pointer.value or 0


class Buffer(Resource):
    """Device memory. What it holds at first is not said."""

    release = "fwht_free"

    def __init__(self, library: Library, size: int) -> None:
        super().__init__(library, create_resource(library, "fwht_malloc", size))
        self.size = size

    @classmethod
    def from_array(cls, library: Library, values: np.ndarray) -> Buffer:
        values = np.ascontiguousarray(values)
        buffer = cls(library, max(values.nbytes, 1))
        buffer.write(values)
        return buffer

    def write(self, values: np.ndarray, offset: int = 0) -> None:
        values = np.ascontiguousarray(values)
        if offset + values.nbytes > self.size:
            raise ValueError(f"{values.nbytes} bytes at {offset} do not fit in a buffer of {self.size}")
        self.library.call("fwht_copy_in", self.pointer + offset, values.ctypes.data, values.nbytes)

    def fill(self, byte: int) -> None:
        self.library.call("fwht_memset", self.pointer, byte, self.size, None)
        self.read_bytes(1)  # waits: filling goes on after the call, and other streams would not wait for it

    def read_bytes(self, size: int | None = None) -> np.ndarray:
        """A copy of all of it, or of the first `size` bytes."""
        values = np.empty(self.size if size is None else size, np.uint8)
        self.library.call("fwht_copy_out", values.ctypes.data, self.pointer, values.size)
        return values


class Stream(Resource):
    release = "fwht_stream_destroy"

    def __init__(self, library: Library) -> None:
        super().__init__(library, create_resource(library, "fwht_stream_create"))

    def synchronize(self) -> None:
        """Wait, and hear of errors that the kernels met on the way."""
        self.library.call("fwht_stream_synchronize", self.pointer)
