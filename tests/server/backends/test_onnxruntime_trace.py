"""Reading the profiler's trace."""

from __future__ import annotations

from typing import Any

from onnx import helper

from server.backends.onnxruntime_trace import read_kernel_times

NODES = [
    helper.make_node("Conv", ["x"], ["a"], "stem"),
    helper.make_node("Mul", ["a"], ["b"]),
    helper.make_node("Tanh", ["b"], ["c"]),
    helper.make_node("Mul", ["c"], ["d"]),
]


def kernel(name: str, op: str, microseconds: int) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": {"op_name": op}}


def run(*kernels: dict[str, Any], total: int) -> list[dict[str, Any]]:
    fence = {"cat": "Node", "name": "stem_fence_before", "dur": 9, "args": {"op_name": "Conv"}}
    executor = {"cat": "Session", "name": "SequentialExecutor::Execute", "dur": total - 1, "args": {}}
    return [fence, *kernels, executor, {"cat": "Session", "name": "model_run", "dur": total, "args": {}}]


def test_runs_and_nodes() -> None:
    first = run(kernel("stem", "Conv", 500), kernel("Mul_24", "Mul", 400), total=9000)
    # Mul comes before Tanh in the graph and after it here: the order among the nodes of one op is what counts.
    second = run(
        kernel("stem", "Conv", 50),
        kernel("Tanh_25", "Tanh", 3),
        kernel("Mul_24", "Mul", 4),
        kernel("Mul_26", "Mul", 5),
        total=70,
    )
    kernel_ms, totals = read_kernel_times([*first, *second], NODES, skip=1)
    assert kernel_ms.tolist() == [[0.05, 0.004, 0.003, 0.005, 0]]
    assert totals.tolist() == [0.07]


def test_kernels_that_the_graph_does_not_have_are_kept() -> None:
    kernel_ms, _ = read_kernel_times(
        run(kernel("stem", "Conv", 50), kernel("New_1", "New", 7), total=60), NODES, skip=0
    )
    assert kernel_ms.tolist() == [[0.05, 0, 0, 0, 0.007]]
