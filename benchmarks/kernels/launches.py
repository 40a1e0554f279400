"""How many kernels some work launches: captured on a stream and counted through the driver, nothing is run."""

from __future__ import annotations

import ctypes
from typing import Any

from benchmarks.harness.kernel_library import Library, Stream
from benchmarks.kernels.device_timing import Start

RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: this stream only
KERNEL = 0  # CU_GRAPH_NODE_TYPE_KERNEL


def count_launches(library: Library, start: Start) -> dict[str, int]:
    """Nodes of what `start` does: {"kernels": 1, "others": 0}; others are copies and fills. `start` has run before."""
    driver = ctypes.CDLL("libcuda.so.1")
    with Stream(library) as stream:
        call_driver(driver, "cuStreamBeginCapture_v2", ctypes.c_void_p(stream.pointer), RELAXED)
        graph = ctypes.c_void_p()
        try:
            start(stream)
        finally:
            call_driver(driver, "cuStreamEndCapture", ctypes.c_void_p(stream.pointer), ctypes.byref(graph))
        try:
            kinds = read_node_kinds(driver, graph)
        finally:
            call_driver(driver, "cuGraphDestroy", graph)
    return {"kernels": kinds.count(KERNEL), "others": len(kinds) - kinds.count(KERNEL)}


def read_node_kinds(driver: ctypes.CDLL, graph: ctypes.c_void_p) -> list[int]:
    count = ctypes.c_size_t()
    call_driver(driver, "cuGraphGetNodes", graph, None, ctypes.byref(count))
    nodes = (ctypes.c_void_p * count.value)()
    call_driver(driver, "cuGraphGetNodes", graph, nodes, ctypes.byref(count))
    kinds = []
    for node in nodes:
        kind = ctypes.c_int()
        call_driver(driver, "cuGraphNodeGetType", ctypes.c_void_p(node), ctypes.byref(kind))
        kinds.append(kind.value)
    return kinds


def call_driver(driver: ctypes.CDLL, name: str, *arguments: Any) -> None:
    """A function of the CUDA driver; raises RuntimeError with its number where it fails."""
    error = getattr(driver, name)(*arguments)
    if error != 0:
        raise RuntimeError(f"{name} failed with CUresult {error}")
