"""A stand-in for pycuda.driver, on the memory of this process.

It holds its users to CUDA's rules: a call needs a context that is current in its thread; what is enqueued on a stream
is done when the stream is waited for, not before; memory is poisoned when it is allocated; what is not freed is known.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from collections import Counter
from types import ModuleType, SimpleNamespace
from typing import Any, Callable

import numpy as np

POISON = 0xFF  # every float32 of it is a NaN
Work = Callable[[], None]


class Error(Exception):
    pass


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class OutOfMemory(Error):
    pass


class FakeCuda:
    """name, capability, integrated: of the GPU; without `gpus` there is none.

    faults: how often a call still fails, by name: init, context, alloc, mapped, synchronize, capture, graph (it gives
    other results than it should). live: what was made and not freed, by kind.
    """

    def __init__(self, name: str = "Fake GPU", capability: tuple[int, int] = (8, 7), integrated: bool = False) -> None:
        self.name, self.capability, self.integrated = name, capability, integrated
        self.gpus, self.multiprocessors = 1, 8
        self.faults: Counter[str] = Counter()
        self.live: Counter[str] = Counter()
        self.streams: dict[int, Stream] = {}
        self.graphs: dict[int, list[Work]] = {}
        self.launched = 0
        self._handles = itertools.count(0x1000)
        self._local = threading.local()

    def fails(self, what: str) -> bool:
        """Whether this call is to fail; it is counted."""
        if self.faults[what] <= 0:
            return False
        self.faults[what] -= 1
        return True

    @property
    def stack(self) -> list[Any]:
        """The contexts pushed in this thread."""
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        stack: list[Any] = self._local.stack
        return stack

    def check(self) -> None:
        """Every call of CUDA begins with this; it lets other threads run, as pycuda does."""
        if not self.stack:
            raise LogicError("explicit_context_dependent failed: invalid device context - no currently active context?")
        time.sleep(0)

    def handle(self) -> int:
        return next(self._handles)

    def make_module(self) -> ModuleType:
        """pycuda.driver."""
        made: Any = ModuleType("pycuda.driver")
        made.Error, made.LogicError, made.LaunchError, made.MemoryError = Error, LogicError, LaunchError, OutOfMemory
        made.init = self._init
        made.get_driver_version = lambda: 12040
        made.Device = self._device
        made.Device.count = lambda: self.gpus
        made.Stream = lambda flags=0: Stream(self)
        made.Event = lambda flags=0: Event(self)
        made.device_attribute = SimpleNamespace(INTEGRATED="INTEGRATED", MULTIPROCESSOR_COUNT="MULTIPROCESSOR_COUNT")
        made.event_flags = SimpleNamespace(BLOCKING_SYNC=1, DISABLE_TIMING=2)
        made.host_alloc_flags = SimpleNamespace(DEVICEMAP=2)
        made.pagelocked_empty = self._pagelocked_empty
        made.mem_alloc = lambda size: Memory(self, "device memory", size)
        made.memcpy_htod_async = self._copy_in
        made.memcpy_dtoh_async = self._copy_out
        return made  # type: ignore[no-any-return]

    def _init(self) -> None:
        if self.fails("init"):
            raise Error("cuInit failed: no CUDA-capable device is detected")

    @property
    def _device(self) -> Any:
        def device(index: int) -> Any:
            assert index == 0
            return SimpleNamespace(
                name=lambda: self.name,
                compute_capability=lambda: self.capability,
                get_attribute={
                    "INTEGRATED": int(self.integrated),
                    "MULTIPROCESSOR_COUNT": self.multiprocessors,
                }.__getitem__,
                retain_primary_context=lambda: PrimaryContext(self),
            )

        return device

    def _pagelocked_empty(self, shape: tuple[int, ...], dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = Memory(self, "page-locked memory", size)
        memory.mapped = bool(mem_flags & 2)
        memory.__array_interface__ = {
            "data": (int(memory), False),
            "shape": tuple(shape),
            "typestr": np.dtype(dtype).str,
            "version": 3,
        }
        return np.asarray(memory)

    def _copy_in(self, pointer: int, source: np.ndarray, stream: Stream) -> None:
        self.check()
        stream.add(lambda: _move(pointer, source.ctypes.data, source.nbytes))

    def _copy_out(self, target: np.ndarray, pointer: int, stream: Stream) -> None:
        self.check()
        stream.add(lambda: _move(target.ctypes.data, pointer, target.nbytes))


def _move(target: int, source: int, size: int) -> None:
    ctypes.memmove(target, source, size)


class PrimaryContext:
    def __init__(self, cuda: FakeCuda) -> None:
        if cuda.fails("context"):
            raise OutOfMemory("cuDevicePrimaryCtxRetain failed: out of memory")
        self._cuda = cuda
        cuda.live["context"] += 1

    def push(self) -> None:
        self._cuda.stack.append(self)
        self._cuda.live["context pushed"] += 1

    def pop(self) -> None:
        assert self._cuda.stack.pop() is self
        self._cuda.live["context pushed"] -= 1

    def detach(self) -> None:
        self._cuda.live["context"] -= 1


class Memory:
    """An allocation: int() is its address."""

    __array_interface__: dict[str, Any]

    def __init__(self, cuda: FakeCuda, kind: str, size: int) -> None:
        cuda.check()
        if cuda.fails("alloc"):
            raise OutOfMemory("cuMemAlloc failed: out of memory")
        self._cuda, self._kind, self.mapped = cuda, kind, False
        self._memory = ctypes.create_string_buffer(size)
        ctypes.memset(self._memory, POISON, size)
        cuda.live[kind] += 1

    def __int__(self) -> int:
        return ctypes.addressof(self._memory)

    def get_device_pointer(self) -> int:
        assert self.mapped, "only memory that was allocated with DEVICEMAP has an address on the GPU"
        if self._cuda.fails("mapped"):
            raise LogicError("cuMemHostGetDevicePointer failed: invalid argument")
        return int(self)

    def free(self) -> None:
        self._cuda.check()
        self._cuda.live[self._kind] -= 1


class Stream:
    def __init__(self, cuda: FakeCuda) -> None:
        cuda.check()
        self._cuda, self.handle = cuda, cuda.handle()
        self._work: list[Work] = []
        self.captured: list[Work] | None = None
        cuda.streams[self.handle] = self

    def add(self, work: Work) -> None:
        (self._work if self.captured is None else self.captured).append(work)

    def synchronize(self) -> None:
        self._cuda.check()
        if self.captured is not None:
            raise LogicError("cuStreamSynchronize failed: operation not permitted when stream is capturing")
        work, self._work = self._work, []
        if self._cuda.fails("synchronize"):
            raise LaunchError("cuStreamSynchronize failed: an illegal memory access was encountered")
        for step in work:
            step()


class Event:
    def __init__(self, cuda: FakeCuda) -> None:
        self._cuda = cuda
        self._stream: Stream | None = None
        self._at = 0.0

    def record(self, stream: Stream) -> None:
        self._cuda.check()
        self._stream = stream
        stream.add(self._now)

    def _now(self) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        assert self._stream is not None
        self._stream.synchronize()

    def time_till(self, end: Event) -> float:
        return 1000 * (end._at - self._at)
