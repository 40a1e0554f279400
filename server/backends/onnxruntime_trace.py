"""Kernel times out of the trace file that ONNX Runtime's profiler writes (Chrome's trace event format)."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import onnx

KERNEL_SUFFIX = "_kernel_time"


def read_kernel_times(
    events: Sequence[Dict[str, Any]], nodes: Sequence[onnx.NodeProto], skip: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Milliseconds per run and node (runs, nodes + 1), and per whole run (runs,), without the first `skip` runs.

    `nodes` are those of the optimised graph. The last column holds kernels that no node of it explains (seen none).
    The trace has whole microseconds, cut off: a kernel shows up to 1 us less than it took, half a microsecond on
    average. More runs do not mend that, so nothing here pretends to: it shows as time between the kernels.
    """
    columns = _Columns(nodes)
    runs: List[np.ndarray] = []
    totals: List[float] = []
    current = columns.empty()
    for event in events:
        name = event["name"]
        if event["cat"] == "Node" and name.endswith(KERNEL_SUFFIX):
            column = columns.next(name[: -len(KERNEL_SUFFIX)], event["args"].get("op_name", ""))
            current[column] += event["dur"] / 1000
        elif event["cat"] == "Session" and name == "model_run":  # written when the run is over
            runs.append(current)
            totals.append(event["dur"] / 1000)
            current = columns.empty()
    return np.array(runs[skip:]), np.array(totals[skip:])


class _Columns:
    """Finds the node of a kernel: by its name, and for nodes without one (`Mul_24`) as the next of that op in the run.

    The events of a run have the order of the saved graph among the nodes of one op, since both are the executor's.
    """

    def __init__(self, nodes: Sequence[onnx.NodeProto]) -> None:
        self._count = len(nodes)
        self._names = {node.name for node in nodes if node.name}
        self._queues: Dict[str, List[int]] = {}
        for i, node in enumerate(nodes):
            self._queues.setdefault(node.name or node.op_type, []).append(i)
        self._used: Dict[str, int] = {}

    def empty(self) -> np.ndarray:
        self._used = {}
        return np.zeros(self._count + 1)

    def next(self, name: str, op: str) -> int:
        key = name if name in self._names else op
        queue = self._queues.get(key, [])
        used = self._used.get(key, 0)
        self._used[key] = used + 1
        return queue[used] if used < len(queue) else self._count
