"""CUDA as serving needs it: a thin layer over pycuda, which is imported by the first call.

TensorRT works in the GPU's primary context, so this does, too. A context is current in one thread: the
thread that makes a `Context` also makes, uses and frees everything in it, and closes it (owner_thread.py).
"""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from ..errors import StartupError
from .gpu_nodes import closed_nodes

Array = np.ndarray
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING, which pycuda has no name for


def load_driver() -> Any:
    """pycuda's driver module, initialised. Raises StartupError: no pycuda, no driver, no GPU."""
    try:
        import pycuda.driver as cuda
    except ImportError as error:
        raise StartupError(
            f"pycuda cannot be used ({error}): install the NVIDIA driver, and pycuda with `pip install pycuda`, which"
            " needs nvcc on PATH"
        ) from error
    try:
        cuda.init()
        count = cuda.Device.count()
    except cuda.Error as error:
        raise StartupError(f"there is no GPU that CUDA can use ({error}): {closed_nodes() or NO_GPU}") from error
    if count == 0:
        raise StartupError(f"there is no GPU that CUDA can use: {closed_nodes() or NO_GPU}")
    return cuda


NO_GPU = (
    "see that `nvidia-smi` or, on a Jetson, `tegrastats` shows one; a container needs what docker/run_options.sh"
    " prints: --runtime nvidia or --gpus all and, from JetPack 6 on, the group render (without it error 801, operation"
    " not supported)"
)


def read_gpu() -> Tuple[str, str, int]:
    """Name, compute capability and number of multiprocessors of the first GPU, as in ("Orin", "8.7", 8).

    Raises StartupError where there is none.
    """
    cuda = load_driver()
    device = cuda.Device(0)
    major, minor = device.compute_capability()
    multiprocessors = device.get_attribute(cuda.device_attribute.MULTIPROCESSOR_COUNT)
    return str(device.name()), f"{major}.{minor}", int(multiprocessors)


def cuda_version() -> str:
    """What the driver supports, as in "12.4". Raises StartupError where there is no GPU."""
    version = int(load_driver().get_driver_version())
    return f"{version // 1000}.{version % 1000 // 10}"


class Context:
    """The primary context of the first GPU, current in this thread from the construction to `close`.

    integrated: GPU and CPU share one memory, as on a Jetson. Raises StartupError where the GPU gives none.
    """

    def __init__(self) -> None:
        self.cuda = load_driver()
        device = self.cuda.Device(0)
        try:
            self._context = device.retain_primary_context()
            self._context.push()
        except self.cuda.Error as error:
            raise StartupError(f"the GPU gives no context ({error}): close other programs that use it") from error
        self.integrated = bool(device.get_attribute(self.cuda.device_attribute.INTEGRATED))
        self.error = self.cuda.Error

    def close(self) -> None:
        """Everything made in the context must have been freed."""
        self._context.pop()  # else pycuda says at exit that its stack is not empty, and aborts
        self._context.detach()

    def new_stream(self) -> Any:
        """One that does not wait for CUDA's default stream: what others do on that would break a capture."""
        return self.cuda.Stream(NON_BLOCKING)

    def new_blocking_event(self) -> Any:
        """An event for `wait_asleep`."""
        flags = self.cuda.event_flags
        return self.cuda.Event(flags.BLOCKING_SYNC | flags.DISABLE_TIMING)

    def wait_asleep(self, stream: Any, event: Any) -> None:
        """Wait for a stream without using a core, which stream.synchronize() may do; wakes up some 50 us later."""
        event.record(stream)
        event.synchronize()

    def measure_ms(self, stream: Any, work: Any, runs: int) -> Array:
        """GPU time of `runs` calls of work(), which enqueues on the stream: (runs,)."""
        times: List[float] = []
        begin, end = self.cuda.Event(), self.cuda.Event()
        for _ in range(runs):
            begin.record(stream)
            work()
            end.record(stream)
            end.synchronize()
            times.append(float(begin.time_till(end)))
        return np.array(times)


class Buffer:
    """Float32 memory that both sides see: `host` is filled and read by the CPU, `pointer` is what the GPU is given.

    mapped: one memory for both, which the GPU reads and writes in place; otherwise page-locked memory here, memory on
    the GPU, and `copy_in` and `copy_out` between them, which only enqueue.
    """

    def __init__(self, context: Context, shape: Tuple[int, ...], mapped: bool) -> None:
        cuda = self._cuda = context.cuda
        self._device: Any = None
        flags = cuda.host_alloc_flags.DEVICEMAP if mapped else 0
        self.host: Array = cuda.pagelocked_empty(shape, np.float32, mem_flags=flags)
        try:
            self._device = None if mapped else cuda.mem_alloc(self.host.nbytes)
            self.pointer = int(self.host.base.get_device_pointer() if mapped else self._device)
        except BaseException:
            self.free()
            raise

    def copy_in(self, count: int, stream: Any) -> None:
        """The first `count` rows to the GPU."""
        if self._device is not None:
            self._cuda.memcpy_htod_async(self.pointer, self.host[:count], stream)

    def copy_out(self, count: int, stream: Any) -> None:
        """The first `count` rows from the GPU."""
        if self._device is not None:
            self._cuda.memcpy_dtoh_async(self.host[:count], self.pointer, stream)

    def free(self) -> None:
        """Nothing may use `host` or `pointer` after it."""
        allocation: Any = self.host.base
        self.host = np.empty(0, np.float32)
        allocation.free()
        if self._device is not None:
            self._device.free()
            self._device = None
