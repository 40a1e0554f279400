"""Compute what the FWHT layer and its 1x1 convolution would take on a Jetson Nano:
python -m benchmarks.kernels.nano_roofline

Writes docs/kernels.md. Nothing here was measured: the times are the roofline's, the larger of bytes over
bandwidth and instructions over the rate of their unit. --renew reads registers and shared memory of the kernels from
the compiler again and keeps them in benchmarks/results/nano_kernels.json. A test compares page and script.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from benchmarks.harness.node_models import Layer
from benchmarks.harness.plugin_cases import BIG, REAL
from benchmarks.pages.results import table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "kernels.md"
KERNELS = ROOT / "benchmarks" / "results" / "nano_kernels.json"

ARCHITECTURE = 53
BANDWIDTH = 25.6e9  # bytes a second, shared with the CPU
CLOCK = 921.6e6
LANES = 128  # float32 instructions a clock; one multiprocessor. float16 in pairs: twice the results
THRESHOLD = 20  # instructions: scale, tanh of exponentials, difference, maximum, product
# of the multiprocessor
REGISTERS, SHARED, THREADS, BLOCKS = 64 * 1024, 64 * 1024, 2048, 32
BLOCK_SHARED = 48 * 1024

BATCHES = (1, 16)


@dataclass(frozen=True)
class Cost:
    """Bytes through memory and time in the arithmetic unit."""

    bytes: float
    arithmetic_s: float

    @property
    def ms(self) -> float:
        return 1000 * max(self.bytes / BANDWIDTH, self.arithmetic_s)

    @property
    def bound(self) -> str:
        return "memory" if self.bytes / BANDWIDTH >= self.arithmetic_s else "arithmetic"


def layer_cost(layer: Layer, pixels: int, value_bytes: int) -> Cost:
    """Each value read once and written once; two transforms of n log2 n additions, n thresholds, in float32 always.

    An addition takes the slot of a multiply-add, so the unit's rate counts instructions, half the GFLOP/s.
    """
    values = pixels * (layer.in_channels + layer.out_channels)
    weights = 4 * (2 * layer.n + 2 * layer.out_channels)
    instructions = pixels * (2 * layer.n * log2(layer.n) + THRESHOLD * layer.n)
    return Cost(values * value_bytes + weights, instructions / (LANES * CLOCK))


def convolution_cost(layer: Layer, pixels: int, value_bytes: int) -> Cost:
    """Input, output and weights once each; one multiply-add for each pair of channels."""
    values = pixels * (layer.in_channels + layer.out_channels) + layer.in_channels * layer.out_channels
    rate = LANES * CLOCK * (4 // value_bytes)
    return Cost(values * value_bytes, pixels * layer.in_channels * layer.out_channels / rate)


def cases() -> list[tuple[str, Layer, int, int]]:
    """Name, layer, batch, side of the map."""
    return [("large layer", BIG, 10, 32), *((name, layer, n, side) for n in BATCHES for name, layer, side in REAL)]


def time_rows() -> list[list[str]]:
    rows = []
    for name, layer, batch, side in cases():
        shape = f"{batch}x{layer.in_channels}x{side}x{side}"
        for kind, size in (("float32", 4), ("float16", 2)):
            pixels = batch * side * side
            mine, other = layer_cost(layer, pixels, size), convolution_cost(layer, pixels, size)
            rows.append(
                [name, f"{shape} -> {layer.out_channels}, n = {layer.n}", kind]
                + [f"{mine.ms:.3g} ({mine.bound})", f"{other.ms:.3g} ({other.bound})", f"{other.ms / mine.ms:.2g}x"]
            )
    return rows


def resident_blocks(kernel: dict[str, Any]) -> int:
    """How many blocks of it one multiprocessor holds; registers go to warps in multiples of eight a thread."""
    registers = kernel["threads"] * -(-kernel["registers"] // 8) * 8
    shared = -(-kernel["shared_bytes"] // 256) * 256
    limits = [REGISTERS // registers, THREADS // kernel["threads"], BLOCKS]
    return int(min([*limits, SHARED // shared] if shared else limits))


def kernel_rows(kernels: list[dict[str, Any]]) -> list[list[str]]:
    rows = []
    for kernel in kernels:
        blocks = resident_blocks(kernel)
        facts = (kernel["threads"], kernel["registers"], kernel["shared_bytes"], blocks)
        rows.append([f"`{kernel['kernel']}`", *map(str, facts), f"{blocks * kernel['threads'] / THREADS:.0%}"])
    return rows


def page(kernels: list[dict[str, Any]]) -> str:
    times = table(
        ["layer", "input, output channels", "type", "FWHT layer, ms", "1x1 convolution, ms", "ratio"], time_rows()
    )
    head = ["kernel", "threads", "registers", "shared, bytes", "blocks at once", "of 2,048 threads"]
    return f"""# The Jetson Nano on paper

**Computed, not measured.** Nobody has run these kernels on a Nano for this page;
`python -m benchmarks.kernels.nano_roofline` writes it. A time is the roofline's: the larger of the bytes over 25.6
GB/s, which the CPU shares, and the instructions over the rate of one multiprocessor at 921.6 MHz, 118 G a second in
float32 (236 GFLOP/s, where a multiply-add counts as two) and twice that in float16. Both columns are floors: real
kernels are slower, the convolution and the layer alike, and a launch of some microseconds comes on top, which is what
matters most for the smallest maps.

- The layer reads and writes each value once, and does 2 n log2 n additions and n thresholds ({THRESHOLD} instructions
  each, by estimate) for each pixel. It computes in float32 in either type, so float16 halves its bytes only.
- The convolution reads its input and weights and writes its output once, with one multiply-add for each pair of
  channels.

{times}

In brackets is what bounds the time. On a Nano, unlike on a large GPU, the layer's additions weigh more than its bytes.

## What the compiler says

Kernels for sm_53 that such layers take (ptxas), and how many of their blocks the multiprocessor holds at once with its
65,536 registers, 64 KiB of shared memory and 2,048 threads. The template arguments are type, layout, rows, columns (n
is their product), pixels of a block, pixels of a thread, and whether shared memory is packed.

{table(head, kernel_rows(kernels))}
"""


def compiled() -> list[dict[str, Any]]:
    """From the compiler: for each type and n of the layers above the kernel with the largest block that fits."""
    from benchmarks.harness.cuda_compilers import Wheels  # late: they are needed for --renew only
    from benchmarks.harness.kernel_figures import figures_of, readable

    figures = figures_of(Wheels(), "FWHTLayer", ARCHITECTURE)
    kernels = []
    for figure, name in zip(figures, readable([figure.kernel for figure in figures])):
        facts = {"threads": figure.threads, "registers": figure.registers, "shared_bytes": figure.shared_bytes}
        kernels.append({"kernel": name, **facts})
    return chosen(kernels)


def chosen(kernels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the launch does: NCHW, shared memory that a block can have, most pixels, then vectors of them, then packed."""
    best: dict[tuple[str, int], tuple[tuple[int, int, bool], dict[str, Any]]] = {}
    for kernel in kernels:
        found = re.search(r"<(\w+), \(?\w*\)?0, (\d+), (\d+), (\d+), (\d+), (true|false)>", kernel["kernel"])
        if found is None or kernel["shared_bytes"] > BLOCK_SHARED:
            continue
        kind, (rows, columns, pixels, vector) = found[1], map(int, found.groups()[1:5])
        key, order = (kind, rows * columns), (pixels, vector, found[6] == "true")
        if key[1] in {layer.n for _, layer, _, _ in cases()} and (key not in best or order > best[key][0]):
            best[key] = (order, kernel)
    return [kernel for _, kernel in (best[key] for key in sorted(best))]


def main() -> None:
    if "--renew" in sys.argv[1:]:
        KERNELS.write_text(json.dumps(compiled(), indent=1) + "\n")
    PAGE.write_text(page(json.loads(KERNELS.read_text())))


if __name__ == "__main__":
    main()
