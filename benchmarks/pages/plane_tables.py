"""The table of two-dimensional layers, made of the results of benchmarks/kernels/fwht_2d.py."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import read_result
from benchmarks.pages.speed_tables import format_times

PLANE_RUNS = ("fwht_2d_avx2_1", "fwht_2d_avx512_1", "fwht_2d_avx2_2", "fwht_2d_avx512_2")
SIDES = {
    "fwht_2d": "`FWHT2D`, smooth threshold",
    "fwht_2d_soft": "`FWHT2D`, soft threshold",
    "function_body": "`FWHT2D` by its function body",
    "depthwise": "3x3 depthwise convolution",
    "squeeze_and_excite": "squeeze-and-excite 1024 -> 256 -> 1024",
    "convolution": "3x3 convolution 1024 -> 1024",
}


def format_side(row: dict[str, Any], side: str) -> str:
    """Time with spread, and the time as a multiple of the layer's."""
    return f"{format_times(row['times'][side])}, {row['ratios'][side]['median']:.3g}x"


def make_plane_table() -> str:
    """Every side's time over that of the two-dimensional layer in the same run, and its peak memory."""
    results = [read_result(name) for name in PLANE_RUNS]
    table = []
    for number, first in enumerate(results[0]["rows"]):
        for side, title in SIDES.items():
            times = [format_side(result["rows"][number], side) for result in results]
            memory = f"{first['peak_bytes_over_relu'][side] / 2**20:.1f}"
            table.append([f"{title}, {first['name']}", *times, memory])
    head = [f"{result['instruction_set']}, {result['threads']}: ms" for result in results]
    return make_table(["layer", *head, "peak MiB over a ReLU"], table)


PARTS = {"planes": make_plane_table}
