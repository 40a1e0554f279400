"""CUDA graphs: what was enqueued on a stream once, started again by one call.

pycuda has no stream capture (looked up in 2026.1), so these few functions of the driver are called through ctypes. They
are in every driver from CUDA 10.1 on. Source: CUDA Driver API, "Stream Management" and "Graph Management".
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Any, Callable

LIBRARY = "libcuda.so.1"
THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads' CUDA calls neither enter nor break the capture


class GraphError(Exception):
    """CUDA cannot capture, instantiate or launch the graph."""


class Graph:
    """Captured work, ready to be launched on the stream it was captured from; use and free it in that one thread."""

    def __init__(self, library: Any, executable: Any, stream: int) -> None:
        self._library = library
        self._executable = executable
        self._stream = ctypes.c_void_p(stream)

    def launch(self) -> None:
        raise_on_error(self._library, self._library.cuGraphLaunch(self._executable, self._stream), "cuGraphLaunch")

    def free(self) -> None:
        self._library.cuGraphExecDestroy(self._executable)


def load_driver_library() -> Any:
    """The driver, called with the GIL held: starting a graph takes microseconds, but a thread that releases the GIL
    while another one computes gets it back only after milliseconds (sys.getswitchinterval)."""
    try:
        return ctypes.PyDLL(LIBRARY)
    except OSError as error:
        raise GraphError(f"{LIBRARY} cannot be loaded ({error})") from error


def capture(stream: int, enqueue: Callable[[], None]) -> Graph:
    """Record what `enqueue` puts on the stream (its handle) instead of running it.

    Raises GraphError, or what enqueue raised; the stream can be used as before in any case.
    """
    library = load_driver_library()
    for name in ("cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphLaunch"):
        if not hasattr(library, name):
            raise GraphError(f"this driver has no {name}: it is older than CUDA 10.1")
    handle, graph = ctypes.c_void_p(stream), ctypes.c_void_p()
    raise_on_error(library, library.cuStreamBeginCapture_v2(handle, THREAD_LOCAL), "cuStreamBeginCapture")
    try:
        enqueue()
    except BaseException:
        library.cuStreamEndCapture(handle, ctypes.byref(graph))
        if graph:
            library.cuGraphDestroy(graph)
        raise
    raise_on_error(library, library.cuStreamEndCapture(handle, ctypes.byref(graph)), "cuStreamEndCapture")
    try:
        return Graph(library, instantiate(library, graph), stream)
    finally:
        library.cuGraphDestroy(graph)


def instantiate(library: Any, graph: Any) -> Any:
    executable = ctypes.c_void_p()
    if hasattr(library, "cuGraphInstantiateWithFlags"):  # from CUDA 11.4 on
        flags = ctypes.c_ulonglong(0)
        status = library.cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, flags)
    else:
        status = library.cuGraphInstantiate(ctypes.byref(executable), graph, None, None, ctypes.c_size_t(0))
    raise_on_error(library, status, "cuGraphInstantiate")
    return executable


def raise_on_error(library: Any, status: int, function: str) -> None:
    if status == 0:
        return
    text = ctypes.c_char_p()
    with suppress(AttributeError):
        library.cuGetErrorString(status, ctypes.byref(text))
    raise GraphError(f"{function} failed: {(text.value or b'').decode('utf-8', 'replace') or f'error {status}'}")
