"""Count what FWHT2D issues on a Jetson Nano, and compute the time of what it stands in for: a 3x3 convolution,
squeeze-and-excite or a 3x3 depthwise convolution on the same maps.

On the speed test of arXiv 2201.02711, and on the layers of fwht2d_mobilenet_v3_large and fwht2d_resnet20 for one image
of 32x32. FWHT2D's time is the larger of its bytes' and of the time to issue its instructions, as in nano_issue.py; what
is computed has multiply-adds and nothing else, as in nano_roofline.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.instruction_baseline import PLANE
from benchmarks.harness.kernel_figures import demangle
from benchmarks.harness.machine_code import Disassembly, count_instructions, make_constants, sum_issued
from benchmarks.kernels.counted_launches import make_plane
from benchmarks.kernels.nano_issue import KINDS, SCHEDULERS
from benchmarks.kernels.nano_roofline import ARCHITECTURE, BANDWIDTH, CLOCK, LANES, Cost

WINDOW = 9  # pixels of 3x3
TILE = "template __global__ void fwht_2d_kernel<MapTile<{}, {}, kNCHW, {}>>(const Fwht2dParams);"


@dataclass(frozen=True)
class Maps:
    """Of one layer: n is `size`, as that is a power of two in all of these; `squeezed`: channels within the
    squeeze-and-excite that it stands in for, 0 for none."""

    name: str
    batch: int
    channels: int
    size: int
    stride: int = 1
    soft: int = 0
    squeezed: int = 0

    @property
    def read(self) -> int:
        return self.batch * self.channels * self.size**2

    @property
    def written(self) -> int:
        return self.batch * self.channels * (self.size // self.stride) ** 2


PAPER = Maps("the paper's speed test", 10, 1024, 8, squeezed=256)
MOBILENETS = (
    Maps("blocks.2.depthwise", 1, 64, 32),
    Maps("blocks.7.depthwise", 1, 240, 16, stride=2),
    Maps("blocks.8.depthwise", 1, 200, 8),
    Maps("blocks.11.depthwise", 1, 480, 8, squeezed=120),
    Maps("blocks.12.depthwise", 1, 672, 8, squeezed=168),
)
RESNETS = tuple(
    Maps(f"blocks.{block}.conv2", 1, channels, size, soft=1)
    for block, channels, size in ((1, 16, 32), (4, 32, 16), (7, 64, 8))
)


def compute_time(values: int, multiply_adds: int, value_bytes: int) -> float:
    """Milliseconds, at the least, of values through memory and of the arithmetic."""
    return Cost(values * value_bytes, multiply_adds / (LANES * CLOCK * (4 // value_bytes))).ms


def estimate_convolution(maps: Maps, value_bytes: int, window: int = WINDOW) -> float:
    """Of all channels to as many."""
    weights = window * maps.channels**2
    return compute_time(maps.read + maps.written + weights, maps.written * maps.channels * window, value_bytes)


def estimate_depthwise(maps: Maps, value_bytes: int) -> float:
    weights = WINDOW * maps.channels
    return compute_time(maps.read + maps.written + weights, maps.written * WINDOW, value_bytes)


def estimate_excite(maps: Maps, value_bytes: int) -> float:
    """All of a map is read before its mean is known, and read again to be multiplied."""
    weights = 2 * maps.channels * maps.squeezed
    return compute_time(3 * maps.written + weights, 2 * maps.written + maps.batch * weights, value_bytes)


def list_replaced(maps: Maps, value_bytes: int) -> Iterator[tuple[str, float, float]]:
    """What the layer stands in for, its milliseconds, and those of what stands beside the layer then."""
    convolution = estimate_convolution(maps, value_bytes)
    depthwise, excite = estimate_depthwise(maps, value_bytes), estimate_excite(maps, value_bytes)
    if maps in RESNETS:
        yield "3x3 convolution", convolution, estimate_convolution(maps, value_bytes, window=1)
        return
    if maps == PAPER:
        yield "3x3 convolution", convolution, 0.0
        yield "squeeze-and-excite", excite, 0.0
    yield "3x3 depthwise convolution", depthwise, 0.0
    if maps.squeezed:
        yield "3x3 depthwise convolution, squeeze-and-excite", depthwise + excite, 0.0


def count_nano_planes(plugins: Path) -> list[dict[str, Any]]:
    """For each layer, type and what it stands in for: instructions of a value of Y, and milliseconds of both."""
    layers = (PAPER, *MOBILENETS, *RESNETS)
    tiles = sorted({(maps.size // maps.stride, kind, maps.stride) for maps in layers for kind, _ in KINDS.values()})
    lines = [TILE.format(*tile) for tile in tiles]
    source = "\n".join(['#include "fwht_2d/kernel.cuh"', "namespace fwht {", *lines, "}"])
    found = Disassembly().disassemble(source, ARCHITECTURE, plugins)
    codes = dict(zip(demangle(list(found)), found.values()))
    rows = []
    for maps in layers:
        for kind, (type_name, size) in KINDS.items():
            kernel = f"fwht_2d_kernel<{maps.size // maps.stride}, {type_name}, 0, {maps.stride}>"
            match = PLANE.match(kernel)
            assert match is not None
            launch = make_plane(match, maps.size, maps.stride, maps.channels, maps.batch, maps.soft)
            constants = make_constants(ARCHITECTURE, launch.params, launch.threads, launch.blocks)
            counts = count_instructions(codes[kernel], constants, launch.threads, range(launch.followed))
            issued = sum_issued(counts)
            cycles = launch.blocks * (issued - counts["paired"]) / SCHEDULERS
            memory_ms = 1000 * (maps.read + maps.written) * size / BANDWIDTH
            own_ms = max(1000 * cycles / CLOCK, memory_ms)
            for replaced, ms, beside_ms in list_replaced(maps, size):
                rows.append(
                    {
                        "layer": maps.name,
                        "input": [maps.batch, maps.channels, maps.size, maps.size],
                        "stride": maps.stride,
                        "type": kind,
                        "instructions": round(32 * issued / launch.results, 1),
                        "issue_ms": round(own_ms, 5),
                        "beside_ms": round(beside_ms, 5),
                        "replaced": replaced,
                        "replaced_ms": round(ms, 5),
                    }
                )
    return rows
