"""Time the fused layer against the 1x1 convolution it replaces, as cuDNN does it:
python -m benchmarks.kernels.plugin_torch

1024 -> 1024 channels on 10x1024x32x32. The layer has gain, bias and ReLU6 fused; the convolution stands alone. In
turns, in one process, each in a CUDA graph on buffers that together exceed the cache: convolutions in float32, in TF32,
and in float16 (NCHW and channels last, as the layer's NCHW and HWC8). Needs PyTorch with CUDA and the kernels' library.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Callable

import numpy as np
import torch
from torch.nn.functional import conv2d

from benchmarks.harness.kernel_library import KERNELS, Library, Resource, Stream
from benchmarks.harness.kernel_run import FORMATS, select_pixels
from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from benchmarks.kernels.device_timing import CLOCKS_UP, REPLAYS, WARM_UP
from benchmarks.kernels.plugin_cases import BIG, BIG_SHAPE, CHECKED_PIXELS, SETS, Copies
from server.profiling.turns import summarize

Side = Callable[[], None]
# name, type, TF32 allowed, memory format, error allowed over the norm: far above rounding, far below a wrong product
CONVOLUTIONS: tuple[tuple[str, torch.dtype, bool, torch.memory_format, float], ...] = (
    ("convolution float32", torch.float32, False, torch.contiguous_format, 1e-5),
    ("convolution TF32", torch.float32, True, torch.contiguous_format, 2e-3),
    ("convolution float16", torch.float16, False, torch.contiguous_format, 2e-3),
    ("convolution float16 channels last", torch.float16, False, torch.channels_last, 2e-3),
)
# the layer's format, the convolution it is held against
PAIRS = (
    ("layer float32", "convolution float32"),
    ("layer float32", "convolution TF32"),
    ("layer float16", "convolution float16"),
    ("layer float16 HWC8", "convolution float16 channels last"),
)


class BorrowedStream(Stream):
    """A stream of someone else's, PyTorch's for example; stays open."""

    def __init__(self, library: Library, pointer: int) -> None:
        Resource.__init__(self, library, pointer)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass


def allow_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def make_convolution(kind: torch.dtype, tf32: bool, memory: torch.memory_format, allowed: float) -> Side:
    """A function that runs the checked convolution once on each of SETS inputs."""
    shape = (BIG.out_channels, BIG.in_channels, 1, 1)
    weight = (torch.randn(shape, device="cuda") / BIG.in_channels**0.5).to(kind, memory_format=memory)
    inputs = [torch.randn(BIG_SHAPE, device="cuda").to(kind, memory_format=memory) for _ in range(SETS)]
    allow_tf32(tf32)
    check(inputs[0], weight, conv2d(inputs[0], weight), allowed)

    def run() -> None:
        allow_tf32(tf32)
        outputs = [conv2d(x, weight) for x in inputs]  # all alive at once: no memory is used twice
        del outputs

    return run


def check(x: torch.Tensor, weight: torch.Tensor, y: torch.Tensor, allowed: float) -> None:
    """Raises SystemExit where some pixels of y are not what float64 gives."""
    pixels = np.random.default_rng().choice(x.shape[0] * x.shape[2] * x.shape[3], CHECKED_PIXELS, replace=False)
    some_x, some_y = (select_pixels(t.double().cpu().numpy(), pixels)[:, :, 0, 0] for t in (x, y))
    wanted = some_x @ weight.double().cpu().numpy()[:, :, 0, 0].T
    error = float(np.linalg.norm(some_y - wanted) / np.linalg.norm(wanted))
    if not error <= allowed:
        raise SystemExit(f"the convolution in {x.dtype} is wrong: error {error:.1e}; nothing was timed")


def capture(run: Side) -> torch.cuda.CUDAGraph:
    with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
        for _ in range(3):  # cuDNN chooses its algorithm on the first call
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def spin_up(graphs: list[torch.cuda.CUDAGraph]) -> None:
    end = time.perf_counter() + CLOCKS_UP
    while time.perf_counter() < end:
        for graph in graphs:
            graph.replay()
        torch.cuda.synchronize()


def time_turn(graph: torch.cuda.CUDAGraph) -> list[float]:
    """Milliseconds for one launch, of each replay."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(REPLAYS + 1)]  # type: ignore[no-untyped-call]
    for _ in range(WARM_UP):
        graph.replay()
    events[0].record()
    for event in events[1:]:
        graph.replay()
        event.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) / SETS for start, end in zip(events, events[1:])]


def make_sides(stack: ExitStack, library: Library) -> dict[str, torch.cuda.CUDAGraph]:
    """Every side by its name, captured."""
    made = {name: capture(make_convolution(*how)) for name, how in ((c[0], c[1:]) for c in CONVOLUTIONS)}
    for form in FORMATS:
        copies = Copies(stack, library, BIG, BIG_SHAPE, form)

        def run(copies: Copies = copies) -> None:
            copies.start(BorrowedStream(library, torch.cuda.current_stream().cuda_stream))

        made[f"layer {form}"] = capture(run)
    return made


def main() -> None:
    options = parse_options("kernels.plugin_torch", __doc__, rounds=10, seconds=0)
    torch.backends.cudnn.benchmark = True
    torch.zeros(1, device="cuda")  # PyTorch makes the context that the kernels then share
    with ExitStack() as stack, torch.inference_mode():
        graphs = make_sides(stack, Library(KERNELS))
        samples: dict[str, list[float]] = {name: [] for name in graphs}
        spin_up(list(graphs.values()))
        for _ in range(options.rounds):
            for name, graph in graphs.items():
                samples[name] += time_turn(graph)
    times = {name: summarize(values) for name, values in samples.items()}
    rows = [
        {"layer": layer, "against": other, "speedup": times[other]["median_ms"] / times[layer]["median_ms"]}
        for layer, other in PAIRS
    ]
    for row in rows:
        us = [times[row[side]]["median_ms"] * 1000 for side in ("layer", "against")]
        print(f"{row['against']:34} {us[1]:7.2f} us, {row['layer']:18} {us[0]:7.2f} us: {row['speedup']:.2f}x")
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    device = {"gpu": torch.cuda.get_device_name(), "cudnn": cudnn}
    print(f"written: {write_result('plugin_torch', {**device, 'times': times, 'rows': rows}, options.out)}")


if __name__ == "__main__":
    main()
