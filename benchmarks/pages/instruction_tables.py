"""The tables of docs/kernels.md that say how many instructions the kernels issue, and how that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.instruction_baseline import LAYER, find_counts_before
from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import read_result

BOARDS = {"sm_53": "Nano, sm_53", "sm_72": "Xavier, sm_72", "sm_87": "Orin, sm_87", "sm_90": "H100, sm_90"}
CASES = 4  # all channels; few outputs; few inputs; few of both


def describe_change(now: float, before: float | None) -> str:
    """In whole per cent, with a true minus."""
    if before is None:
        return "new"
    change = round(100 * (now / before - 1))
    return f"{change:+d}".replace("-", "\u2212").replace("+0", "0")


def make_cell(counts: Sequence[float], before: Sequence[float] | None) -> str:
    """The first count and what became of every one, in per cent."""
    changes = [describe_change(now, before[place] if before else None) for place, now in enumerate(counts)]
    return f"{counts[0]:,.0f}: {', '.join(changes)} %"


def sort_layers(name: str) -> tuple[Any, ...]:
    """By type and layout, n, pixels of a block."""
    found = LAYER.match(name)
    assert found is not None, name
    _, kind, layout, rows, columns, pixels, vector = found.groups()
    return kind, layout, int(rows) * int(columns), int(pixels), int(vector), name.endswith("true>")


def make_rows(kernels: Sequence[str], first: int = 0, note: str = "") -> list[list[str]]:
    """Of a kernel's counts the CASES from the `first` one on."""
    result = read_result("instruction_counts")
    cases, rows = slice(first, first + CASES), []
    for name in kernels:
        row = [f"`{name}`{note}"]
        for board in BOARDS:
            before = find_counts_before(name, result["baseline"][board])
            row.append(make_cell(result["counts"][board][name][cases], before and before[cases]))
        rows.append(row)
    return rows


def list_kernels(prefix: str) -> list[str]:
    return [name for name in read_result("instruction_counts")["counts"]["sm_53"] if name.startswith(prefix)]


def make_layer_table() -> str:
    kernels = sorted(list_kernels("fwht_layer_kernel"), key=sort_layers)
    return make_table(["kernel", *BOARDS.values()], make_rows(kernels))


def make_paths_table() -> str:
    """Smooth paths, and below them soft ones."""
    kernels = sorted(list_kernels("fwht_layer_paths_kernel"), key=sort_layers)
    pairs = zip(make_rows(kernels, note=", smooth"), make_rows(kernels, CASES, ", soft"))
    return make_table(["kernel", *BOARDS.values()], [row for pair in pairs for row in pair])


def make_convolution_table() -> str:
    return make_table(["kernel", *BOARDS.values()], make_rows(sorted(list_kernels("mf_depthwise_conv"))))


def make_nano_table() -> str:
    rows = [
        [
            *(row["layer"], row["type"], f"{row['instructions']:,.0f}"),
            *(f"{row['issue_ms']:.3g}", f"{row['convolution_ms']:.3g}"),
            f"{row['convolution_ms'] / row['issue_ms']:.2f}x",
        ]
        for row in read_result("instruction_counts")["nano"]
    ]
    return make_table(["layer", "type", "instructions a pixel", "FWHT layer, ms", "1x1 convolution, ms", "ratio"], rows)


PARTS = {
    "nano_issue": make_nano_table,
    "layer_instructions": make_layer_table,
    "paths_instructions": make_paths_table,
    "convolution_instructions": make_convolution_table,
}
