"""A stand-in for the CUDA driver's functions for graphs, beside fake_cuda.py."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.fake_cuda import FakeCuda, Work


class FakeGraphLibrary:
    """The driver's functions for graphs, as ctypes would call them. old: without what CUDA 11.4 brought."""

    def __init__(self, cuda: FakeCuda, old: bool = False) -> None:
        self._cuda = cuda
        if not old:
            self.cuGraphInstantiateWithFlags = lambda executable, graph, flags: self._instantiate(executable, graph)

    def cuStreamBeginCapture_v2(self, stream: Any, mode: int) -> int:
        assert mode == 1, "another mode would break other threads' captures"
        self._cuda.check()
        self._cuda.streams[stream.value].captured = []
        return 0

    def cuStreamEndCapture(self, stream: Any, graph: Any) -> int:
        captured = self._cuda.streams[stream.value].captured
        self._cuda.streams[stream.value].captured = None
        if self._cuda.fails("capture"):
            return 900
        graph._obj.value = self._store(captured or [], "graph")
        return 0

    def cuGraphInstantiate(self, executable: Any, graph: Any, node: None, log: None, size: Any) -> int:
        return self._instantiate(executable, graph)

    def cuGraphLaunch(self, executable: Any, stream: Any) -> int:
        self._cuda.launched += 1
        for step in self._cuda.graphs[executable.value]:
            self._cuda.streams[stream.value].add(step)
        return 0

    def cuGraphDestroy(self, graph: Any) -> int:
        return self._destroy(graph, "graph")

    def cuGraphExecDestroy(self, executable: Any) -> int:
        return self._destroy(executable, "executable graph")

    def cuGetErrorString(self, status: int, text: Any) -> int:
        text._obj.value = b"operation not permitted when stream is capturing"
        return 0

    def _instantiate(self, executable: Any, graph: Any) -> int:
        steps = self._cuda.graphs[graph.value]
        executable._obj.value = self._store(steps[:-1] if self._cuda.fails("graph") else steps, "executable graph")
        return 0

    def _destroy(self, handle: Any, kind: str) -> int:
        del self._cuda.graphs[handle.value]
        self._cuda.live[kind] -= 1
        return 0

    def _store(self, steps: list[Work], kind: str) -> int:
        self._cuda.live[kind] += 1
        handle = self._cuda.handle()
        self._cuda.graphs[handle] = steps
        return handle
