"""An engine made ready to run: stream, memory, and for each batch size the quickest way to run it, as measured.

Measured at construction, and kept where it is quicker:

- on a Jetson, whose GPU and CPU share one memory, buffers that both work on in place, against copying;
- a CUDA graph for each batch size, which starts the copies and all layers in one call, against starting each;
- a blocking wait instead of spinning on a core, where a run takes so long that the time to wake up does not count.

Everything here runs in the thread that owns the CUDA context.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from .backend import noop
from .cuda import Buffer, Context
from .cuda_graph import Graph, GraphError, capture
from .tensorrt_engine import Engine, EngineError

TRIES = 10
EVERY_SIZE = 32  # batches up to this get a graph for each size, larger ones for powers of two
ASLEEP_S = 0.001  # a run from here on is waited for asleep
CLOSE = 0.02  # of the largest logit: a graph must give what the plain run gives, up to another order of sums


class Execution:
    """Runs batches of the profile's sizes. graphs: whether CUDA graphs are tried. Raises EngineError, or CUDA's own.

    conditions: what was found best, for layer reports.
    """

    def __init__(self, engine: Engine, context: Context, graphs: bool = True) -> None:
        self._engine = engine
        self._cuda = context
        self._blocking_event: Any = None
        self._buffers: List[Buffer] = []
        self._graphs: Dict[int, Graph] = {}
        self._context = engine.create_context()
        try:
            self._stream = context.new_stream()
            self._replace_buffers(mapped=False)
            self._warm_up()
            found = self._choose_buffers() if context.integrated else {"buffers": "copied"}
            found["cuda_graphs"] = self._capture_graphs() if graphs else "none: they are switched off"
            if self._measure_s(engine.min_batch) >= ASLEEP_S:
                self._blocking_event = context.new_blocking_event()
        except BaseException:
            self.close()
            raise
        self.conditions: Dict[str, Any] = {**found, "waits": "asleep" if self._blocking_event else "on a core"}

    def run(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        """Logits float32 (N, K) of images float32 (N, 3, S, S), N at most the profile's largest batch.

        meanwhile: called while the GPU works.
        """
        size = max(len(batch), self._engine.min_batch)
        if self._graphs and size not in self._graphs:  # a plain run would change the context that they were captured of
            size = min(larger for larger in self._graphs if larger > size)
        images, logits = self._buffers
        images.host[: len(batch)] = batch
        images.host[len(batch) : size] = 0
        graph = self._graphs.get(size)
        if graph is not None:
            graph.launch()
        else:
            self._enqueue(size)
        meanwhile()
        self._wait()
        result: np.ndarray = logits.host[: len(batch)].copy()
        return result

    def _wait(self) -> None:
        if self._blocking_event is not None:
            self._cuda.wait_asleep(self._stream, self._blocking_event)
        else:
            self._stream.synchronize()

    def close(self) -> None:
        """Free all but the engine. What fails is passed over: after an error of the GPU there is nothing to free."""
        self._free_graphs()
        self._context.close()
        self._free_buffers()
        self._stream = self._blocking_event = None

    def _enqueue(self, size: int) -> None:
        images, logits = self._buffers
        self._context.set_batch(size)
        images.copy_in(size, self._stream)
        self._context.enqueue(self._stream.handle)
        logits.copy_out(size, self._stream)

    def _replace_buffers(self, mapped: bool) -> None:
        """Replace the buffers, if there are any."""
        self._free_buffers()
        for shape in (self._engine.input_shape, self._engine.output_shape):
            self._buffers.append(Buffer(self._cuda, (self._engine.max_batch, *shape), mapped))
        self._context.bind(*(buffer.pointer for buffer in self._buffers))

    def _free_buffers(self) -> None:
        buffers, self._buffers = self._buffers, []
        for buffer in buffers:
            with suppress(self._cuda.error):
                buffer.free()

    def _warm_up(self) -> None:
        """TensorRT prepares for a shape at its first run."""
        for size in list_batch_sizes(self._engine):
            self._measure_s(size, tries=2)

    def _measure_s(self, size: int, tries: int = TRIES) -> float:
        """Seconds of the quickest of some runs: other work on the machine can only add to it."""
        batch = make_noise(self._engine, size)
        times = []
        for _ in range(tries):
            start = time.perf_counter()
            self.run(batch)
            times.append(time.perf_counter() - start)
        return min(times)

    def _choose_buffers(self) -> Dict[str, Any]:
        """Mapped ones are a gain where they work, and no reason to refuse a model where they do not."""
        size = self._engine.opt_batch
        try:
            return self._compare_buffers(size)
        except (EngineError, self._cuda.error) as error:
            self._restart()
            return {"buffers": "copied", "buffers_tried": {"batch": size, "failed": str(error)}}

    def _restart(self) -> None:
        """A fresh context with buffers that are copied: a failed run may have left the old one in any state."""
        self._context.close()
        self._context = self._engine.create_context()
        self._replace_buffers(mapped=False)
        self._warm_up()

    def _compare_buffers(self, size: int) -> Dict[str, Any]:
        seconds = {False: float("inf"), True: float("inf")}
        for mapped in (False, True) * 2:  # in turns, since the board's clocks may still be rising
            self._replace_buffers(mapped)
            self._measure_s(size, tries=2)
            seconds[mapped] = min(seconds[mapped], self._measure_s(size))
        best = seconds[True] < seconds[False]
        self._replace_buffers(best)
        tried = {"copied_ms": round(1000 * seconds[False], 4), "mapped_ms": round(1000 * seconds[True], 4)}
        return {"buffers": "mapped" if best else "copied", "buffers_tried": {"batch": size, **tried}}

    def _capture_graphs(self) -> Any:
        """Capture every size. Returns the sizes, or the reason why there are none: then every run is a plain one."""
        plain = {size: self.run(make_noise(self._engine, size)) for size in list_batch_sizes(self._engine)}
        opt = self._engine.opt_batch
        plain_s = self._measure_s(opt)
        try:
            for size in plain:
                self._enqueue(size)  # what TensorRT does at a change of shape must not be captured
                self._stream.synchronize()
                self._graphs[size] = capture(self._stream.handle, partial(self._enqueue, size))
            wrong = self._find_wrong_graph(plain)
            graph_s = self._measure_s(opt)
        except (GraphError, EngineError, self._cuda.error) as error:
            return self._discard_graphs(str(error))
        if wrong is not None:
            return self._discard_graphs(f"at batch {wrong} the graph gave other logits than the plain run")
        if graph_s > plain_s:
            times = f"{1000 * graph_s:.3f} ms, {1000 * plain_s:.3f} without"
            return self._discard_graphs(f"they were no quicker (batch {opt}: {times})")
        return sorted(self._graphs)

    def _find_wrong_graph(self, plain: Dict[int, np.ndarray]) -> Optional[int]:
        """The first size whose graph gives something else than the plain run did. The sizes are asked in a mixed order,
        since all graphs share the context's memory."""
        for size in [*reversed(list(plain)), *plain]:
            self._buffers[1].host[:] = np.nan  # old contents must not pass for an answer
            wanted, got = plain[size], self.run(make_noise(self._engine, size))
            if not np.abs(got - wanted).max() <= CLOSE * np.abs(wanted).max():
                return size
        return None

    def _discard_graphs(self, reason: str) -> str:
        """Back to plain runs, on a fresh context: a capture that broke off may have left the old one in any state."""
        self._free_graphs()
        self._context.close()
        self._context = self._engine.create_context()
        self._context.bind(*(buffer.pointer for buffer in self._buffers))
        self._warm_up()
        return f"none: {reason}"

    def _free_graphs(self) -> None:
        for graph in self._graphs.values():
            graph.free()
        self._graphs = {}


def list_batch_sizes(engine: Engine) -> List[int]:
    """The batch sizes that are prepared."""
    least, most = engine.min_batch, engine.max_batch
    if most <= EVERY_SIZE:
        return list(range(least, most + 1))
    powers = (1 << k for k in range(most.bit_length()))
    return sorted({least, engine.opt_batch, most, *(size for size in powers if least < size)})


def make_noise(engine: Engine, size: int) -> np.ndarray:
    """Images that no two sizes share, so that a run which read another one's memory shows."""
    shape = (size, *engine.input_shape)
    return np.random.default_rng(size).standard_normal(shape, dtype=np.float32)
