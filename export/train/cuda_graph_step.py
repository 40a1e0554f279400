"""A training step as a CUDA graph: recorded once, then replayed with one launch instead of a few thousand.

Small networks on small images are bound by launches. A recorded step may neither wait for the GPU nor read a value back
from it, nor move its tensors: what it changes it changes in place.
"""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor

WARM_UP = 3  # runs before recording, in which cuDNN chooses its algorithms and memory is taken


class CudaGraphStep:
    """`step(*inputs)` on a GPU, recorded at the first call; every call's inputs have the shapes of the first one's.

    `state` lists the tensors that a step changes: the runs that recording needs are undone in them. What a call returns
    is overwritten by the next one.
    """

    def __init__(self, step: Callable[..., Tensor], state: Callable[[], list[Tensor]]) -> None:
        self._step, self._state = step, state
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._output = torch.empty(0)

    def __call__(self, *inputs: Tensor) -> Tensor:
        if self._graph is None:
            self._graph = self._record(inputs)
        for held, given in zip(self._inputs, inputs):
            held.copy_(given)
        self._graph.replay()
        return self._output

    def _record(self, inputs: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        self._inputs = [tensor.clone() for tensor in inputs]
        before = [tensor.clone() for tensor in self._state()]
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._step(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):  # records, runs nothing
            self._output = self._step(*self._inputs)
        for tensor, value in zip(self._state(), before):
            tensor.copy_(value)
        return graph
