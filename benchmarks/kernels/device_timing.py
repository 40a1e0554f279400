"""Time work on a GPU: sides in turns, launches in a graph, device events around its replays.

    times = alternate_on_device(library, {"copy": copies, "layer": layers}, launches=6)

A side is a function that starts `launches` units of work on a stream, each on buffers of its own, together larger than
the cache. They are captured once as a graph, so that what the host does in between does not count, and a sample is the
time of one replayed graph over `launches`. The turns go round, so that whatever slows the GPU for a while slows all.
"""

from __future__ import annotations

import ctypes
import time
from contextlib import ExitStack
from typing import Any, Callable, Iterable, Mapping, Protocol

from benchmarks.harness.kernel_library import Library, Resource, Stream, create_resource
from server.profiling.turns import summarize

Start = Callable[[Stream], None]
ROUNDS = 10
REPLAYS = 10  # samples of a turn
WARM_UP = 2  # replays before each turn's samples: the other side's data are out of the cache
CLOCKS_UP = 0.3  # seconds of work before the first turn, for which an idle GPU raises its clocks


class Replayable(Protocol):
    """Something that can be started as a whole."""

    def replay(self, stream: Stream) -> None: ...


class Graph(Resource):
    """What `start` does on the stream, captured; one launch replays all of it."""

    release = "fwht_graph_destroy"

    def __init__(self, library: Library, stream: Stream, start: Start) -> None:
        start(stream)  # once outside: code is loaded, handles are made, and errors show where they arise
        stream.synchronize()
        library.call("fwht_graph_begin", stream.pointer)
        start(stream)
        super().__init__(library, end_capture(library, stream))

    def replay(self, stream: Stream) -> None:
        self.library.call("fwht_graph_launch", self.pointer, stream.pointer)


class Direct:
    """The same without a graph: started by the host each time."""

    def __init__(self, start: Start) -> None:
        self.start = start

    def replay(self, stream: Stream) -> None:
        self.start(stream)


def end_capture(library: Library, stream: Stream) -> int:
    """End the capture on `stream`."""
    graph = ctypes.c_void_p()
    library.call("fwht_graph_end", stream.pointer, ctypes.byref(graph))
    return graph.value or 0


class Event(Resource):
    release = "fwht_event_destroy"

    def __init__(self, library: Library) -> None:
        super().__init__(library, create_resource(library, "fwht_event_create"))

    def record(self, stream: Stream) -> None:
        self.library.call("fwht_event_record", self.pointer, stream.pointer)

    def ms_until(self, later: Event) -> float:
        ms = ctypes.c_float()
        self.library.call("fwht_event_elapsed_ms", ctypes.byref(ms), self.pointer, later.pointer)
        return ms.value


def alternate_on_device(
    library: Library,
    sides: Mapping[str, Start],
    launches: int,
    rounds: int = ROUNDS,
    replays: int = REPLAYS,
    graph: bool = True,
) -> dict[str, dict[str, Any]]:
    """What `timing.summary` tells of each side, in milliseconds for one of its `launches`."""
    samples: dict[str, list[float]] = {name: [] for name in sides}
    with ExitStack() as stack:
        stream = stack.enter_context(Stream(library))
        made_sides: dict[str, Replayable] = {
            name: stack.enter_context(Graph(library, stream, start)) if graph else Direct(start)
            for name, start in sides.items()
        }
        spin_up(stream, made_sides.values())
        for _ in range(rounds):
            for name, side in made_sides.items():
                samples[name] += [ms / launches for ms in time_turn(library, stream, side, replays)]
    return {name: summarize(times) for name, times in samples.items()}


def spin_up(stream: Stream, sides: Iterable[Replayable]) -> None:
    end = time.perf_counter() + CLOCKS_UP
    while time.perf_counter() < end:
        for side in sides:
            side.replay(stream)
        stream.synchronize()


def time_turn(library: Library, stream: Stream, side: Replayable, replays: int) -> list[float]:
    """Milliseconds of each of `replays`, after a warm-up; all of them are queued before the first is waited for."""
    with ExitStack() as stack:
        events = [stack.enter_context(Event(library)) for _ in range(replays + 1)]
        for _ in range(WARM_UP):
            side.replay(stream)
        events[0].record(stream)
        for event in events[1:]:
            side.replay(stream)
            event.record(stream)
        stream.synchronize()
        return [start.ms_until(end) for start, end in zip(events, events[1:])]
