"""Count what the hybrids' layers issue on a Jetson Nano, with the channels of each, for one image.

The other bound of docs/kernels.md beside nano_roofline's: a multiprocessor of sm_53 has four schedulers, and each
begins one instruction in a cycle, or two where the compiler paired them (NVIDIA's Maxwell Tuning Guide). Latency, and
units that take an instruction only every fourth cycle, come on top.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness.instruction_baseline import LAYER
from benchmarks.harness.kernel_figures import demangle
from benchmarks.harness.machine_code import Disassembly, count_instructions, make_constants, sum_issued
from benchmarks.kernels.counted_launches import make_layer
from benchmarks.kernels.nano_roofline import ARCHITECTURE, BANDWIDTH, CLOCK, estimate_convolution, estimate_layer
from benchmarks.kernels.plugin_cases import REAL

SCHEDULERS = 4
# The tiles that a launch takes there (nano_roofline.choose_kernels), by n.
TILES = {1024: "32, 32, 8, 2, true", 2048: "64, 32, 4, 1, true"}
KINDS = {"float32": ("float", 4), "float16": ("Half", 2)}
TILE = "template __global__ void fwht_layer_kernel<Tile<{}, kNCHW, {}>>(const FwhtLayerParams);"


def count_nano_layers(plugins: Path) -> list[dict[str, Any]]:
    """For each layer and type: instructions of a pixel, and milliseconds of one image, its convolution's beside it."""
    tiles = [TILE.format(kind, sizes) for kind, _ in KINDS.values() for sizes in TILES.values()]
    source = "\n".join(['#include "fwht_layer/kernel.cuh"', "namespace fwht {", *tiles, "}"])
    found = Disassembly().disassemble(source, ARCHITECTURE, plugins)
    codes = dict(zip(demangle(list(found)), found.values()))
    rows = []
    for name, layer, side in REAL:
        for kind, (type_name, size) in KINDS.items():
            kernel = f"fwht_layer_kernel<{type_name}, 0, {TILES[layer.n]}>"
            match = LAYER.match(kernel)
            assert match is not None
            launch = make_layer(match, layer.in_channels, layer.out_channels)
            constants = make_constants(ARCHITECTURE, launch.params, launch.threads, launch.blocks)
            counts = count_instructions(codes[kernel], constants, launch.threads, range(launch.followed), launch.memory)
            paired, issued, pixels = counts["paired"], sum_issued(counts), side * side
            cycles = (issued - paired) / launch.results / SCHEDULERS
            memory_ms = 1000 * estimate_layer(layer, pixels, size).bytes / BANDWIDTH
            rows.append(
                {
                    "layer": f"{name}, {layer.in_channels} -> {layer.out_channels}",
                    "type": kind,
                    "instructions": round(32 * issued / launch.results, 1),
                    "issue_ms": round(max(1000 * pixels * cycles / CLOCK, memory_ms), 5),
                    "convolution_ms": round(estimate_convolution(layer, pixels, size).ms, 5),
                }
            )
    return rows
