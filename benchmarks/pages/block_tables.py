"""The table of FWHT layers with blocks, made of the results of benchmarks/kernels/block_layers.py."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.cpu_tables import name_run
from benchmarks.pages.results import read_result

BLOCK_RUNS = ("block_layers_avx2_1", "block_layers_avx512_1", "block_layers_avx2_2", "block_layers_avx512_2")
WHOLE = {"fwht_layer": "all channels", "with_factors": "all channels, factors"}


def name_side(row: dict[str, Any], side: str) -> str:
    """What a layer transforms at a time, and how many of these there are; which of them overlap, and what is pooled."""
    if side in WHOLE:
        return WHOLE[side]
    (fewer, more), block = row["channels"], side.rpartition("_")[2]
    text = f"{row['windows'][block]} blocks of {block}"
    if more > fewer:
        return f"{text}, overlapping"
    return f"{text}, means of {fewer // more}" if fewer // more > 1 else text


def format_side(row: dict[str, Any], side: str) -> str:
    """The time, and how many times as fast as the convolution that is."""
    return f"{row['times'][side]['median_ms']:.3g} ms, {1 / row['ratios'][side]['median']:.2f}x"


def make_block_table() -> str:
    """Every layer of every row, against the convolution of its row in the same run."""
    results = [read_result(name) for name in BLOCK_RUNS]
    table = []
    for number, first in enumerate(results[0]["rows"]):
        channels, shape = " -> ".join(map(str, first["channels"])), "x".join(map(str, first["input"]))
        for side in first["times"]:
            if side != "convolution":
                cells = [format_side(result["rows"][number], side) for result in results]
                table.append([channels, shape, name_side(first, side), *cells])
    return make_table(["channels", "input", "transforms", *map(name_run, results)], table)


PARTS = {"blocks": make_block_table}
