"""Compute what the FWHT layer and its 1x1 convolution would take on a Jetson Nano, by the roofline model:
python -m benchmarks.kernels.nano_roofline [--renew]

Writes the two generated tables of docs/kernels.md. Nothing here was measured: a time is the larger of bytes over
bandwidth and instructions over the rate of their unit. --renew compiles the kernels again and keeps their registers and
shared memory in benchmarks/results/kernel_figures.json. A test compares page and script.
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path
from typing import Any

from benchmarks.harness.cuda_compilers import Wheels
from benchmarks.harness.figures_cache import Key, hash_sources, load_stored, store
from benchmarks.harness.kernel_figures import SOURCES, demangle, measure_kernels
from benchmarks.harness.markdown import make_table
from benchmarks.harness.node_models import LayerCase
from benchmarks.kernels.plugin_cases import BIG, REAL
from benchmarks.pages.markers import replace_part
from export.ops.hadamard import next_power_of_two

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "kernels.md"

ARCHITECTURE = 53
BANDWIDTH = 25.6e9  # bytes a second, shared with the CPU
CLOCK = 921.6e6
LANES = 128  # float32 instructions a clock; one multiprocessor. float16 in pairs: twice the results
# Instructions of a threshold as ptxas makes it for sm_53, by bytes of a value: tanh and its argument, of exponentials,
# with a polynomial near 0 where float32 is to come out; and difference, maximum, product, which no coefficients share.
TANH, CUT = {4: 14, 2: 8}, 3
ROWS, RUN = {1024: 32, 2048: 64}, 4  # of a column, by n; columns that a run of channels fills (tile.h)
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


def count_live_columns(channels: int, rows: int) -> int:
    return -(-channels // (RUN * rows)) * RUN


def estimate_layer(layer: LayerCase, pixels: int, value_bytes: int) -> Cost:
    """Each value read once and written once; transforms and thresholds as far as the kernel makes them, scales of 1, in
    float32 always. A row's live columns are rounded up to a power of two.

    An addition takes the slot of a multiply-add, so the unit's rate counts instructions, half the GFLOP/s.
    """
    values = pixels * (layer.in_channels + layer.out_channels)
    weights = 4 * (2 * layer.n + 2 * layer.out_channels)
    rows = ROWS[layer.n]
    columns = layer.n // rows
    live = [count_live_columns(c, rows) for c in (layer.in_channels, layer.out_channels * layer.pool)]
    read, written = (next_power_of_two(count) for count in live)
    rest = min(written, columns // 2)  # the stage with the largest stride is made for all columns
    back = columns + columns // 2 - rest + written * log2(rest)
    additions = sum(live) * rows * log2(rows) + rows * (read * log2(read) + back)
    distinct = rows * read if 4 * read <= columns else layer.n
    instructions = pixels * (additions + TANH[value_bytes] * distinct + CUT * layer.n)
    return Cost(values * value_bytes + weights, instructions / (LANES * CLOCK))


def estimate_convolution(layer: LayerCase, pixels: int, value_bytes: int) -> Cost:
    """Input, output and weights once each; one multiply-add for each pair of channels."""
    values = pixels * (layer.in_channels + layer.out_channels) + layer.in_channels * layer.out_channels
    rate = LANES * CLOCK * (4 // value_bytes)
    return Cost(values * value_bytes, pixels * layer.in_channels * layer.out_channels / rate)


def list_cases() -> list[tuple[str, LayerCase, int, int]]:
    """Name, layer, batch, side of the map."""
    return [("large layer", BIG, 10, 32), *((name, layer, n, side) for n in BATCHES for name, layer, side in REAL)]


def make_time_rows() -> list[list[str]]:
    rows = []
    for name, layer, batch, side in list_cases():
        shape = f"{batch}x{layer.in_channels}x{side}x{side}"
        for kind, size in (("float32", 4), ("float16", 2)):
            pixels = batch * side * side
            mine, other = estimate_layer(layer, pixels, size), estimate_convolution(layer, pixels, size)
            rows.append(
                [name, f"{shape} -> {layer.out_channels}, n = {layer.n}", kind]
                + [f"{mine.ms:.3g} ({mine.bound})", f"{other.ms:.3g} ({other.bound})", f"{other.ms / mine.ms:.2g}x"]
            )
    return rows


def count_resident_blocks(kernel: dict[str, Any]) -> int:
    """How many blocks of it one multiprocessor holds; registers go to warps in multiples of eight a thread."""
    registers = kernel["threads"] * -(-kernel["registers"] // 8) * 8
    shared = -(-kernel["shared_bytes"] // 256) * 256
    limits = [REGISTERS // registers, THREADS // kernel["threads"], BLOCKS]
    return int(min([*limits, SHARED // shared] if shared else limits))


def make_kernel_rows(kernels: list[dict[str, Any]]) -> list[list[str]]:
    rows = []
    for kernel in kernels:
        blocks = count_resident_blocks(kernel)
        facts = (kernel["threads"], kernel["registers"], kernel["shared_bytes"], blocks)
        rows.append([f"`{kernel['kernel']}`", *map(str, facts), f"{blocks * kernel['threads'] / THREADS:.0%}"])
    return rows


def make_parts(kernels: list[dict[str, Any]]) -> dict[str, str]:
    """The generated tables of the page, by the names of their markers."""
    times = ["layer", "input, output channels", "type", "FWHT layer, ms", "1x1 convolution, ms", "ratio"]
    occupancy = ["kernel", "threads", "registers", "shared, bytes", "blocks at once", "of 2,048 threads"]
    return {
        "nano_times": make_table(times, make_time_rows()),
        "nano_kernels": make_table(occupancy, make_kernel_rows(kernels)),
    }


def renew_page(text: str, kernels: list[dict[str, Any]]) -> str:
    """The page with both tables made anew."""
    for name, content in make_parts(kernels).items():
        text = replace_part(text, name, content)
    return text


def read_kernels() -> list[dict[str, Any]]:
    """For each type and n of the layers above the kernel with the largest block that fits; needs no compiler."""
    (figures,) = (stored["kernels"] for name, stored in load_stored().items() if name.startswith("FWHTLayer, "))
    names = demangle([figure["kernel"] for figure in figures])
    return choose_kernels(
        [
            {
                "kernel": name,
                "threads": figure["threads"],
                "registers": figure["registers"],
                "shared_bytes": figure["static_shared_bytes"] + figure["dynamic_shared_bytes"],
            }
            for figure, name in zip(figures, names)
        ]
    )


def store_kernels() -> None:
    """Every op's figures for the Nano, compiled again, into the repository's file."""
    compiler = Wheels()
    keys = [Key(op, compiler.name, ARCHITECTURE, hash_sources(source)) for op, source in SOURCES.items()]
    store({key: [asdict(k) for k in measure_kernels(compiler, key.op, ARCHITECTURE, fresh=True)] for key in keys})


def choose_kernels(kernels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the launch does: NCHW, shared memory that a block can have, most pixels, then vectors of them, then packed."""
    best: dict[tuple[str, int], tuple[tuple[int, int, bool], dict[str, Any]]] = {}
    for kernel in kernels:
        name = kernel["kernel"]  # of one smooth path; those of paths have another
        found = re.search(r"fwht_layer_kernel<(\w+), \(?\w*\)?0, (\d+), (\d+), (\d+), (\d+), (true|false)>", name)
        if found is None or kernel["shared_bytes"] > BLOCK_SHARED:
            continue
        kind, (rows, columns, pixels, vector) = found[1], map(int, found.groups()[1:5])
        key, order = (kind, rows * columns), (pixels, vector, found[6] == "true")
        if key[1] in {layer.n for _, layer, _, _ in list_cases()} and (key not in best or order > best[key][0]):
            best[key] = (order, kernel)
    return [kernel for _, kernel in (best[key] for key in sorted(best))]


def main() -> None:
    if "--renew" in sys.argv[1:]:
        store_kernels()
    PAGE.write_text(renew_page(PAGE.read_text(), read_kernels()))


if __name__ == "__main__":
    main()
