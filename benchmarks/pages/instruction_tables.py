"""The tables of docs/kernels.md that say how many instructions the kernels issue, and how that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.harness.instruction_baseline import LAYER, PLANE, find_counts_before
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


def sort_planes(name: str) -> tuple[Any, ...]:
    """By stride, type and layout, side."""
    found = PLANE.match(name)
    assert found is not None, name
    side, kind, layout, stride = found.groups()
    return stride, kind, layout, int(side)


def make_plane_table() -> str:
    """One smooth path, and one soft one."""
    counts = read_result("instruction_counts")["counts"]
    kernels = sorted(list_kernels("fwht_2d_kernel"), key=sort_planes)
    rows = [
        [f"`{name}`", *(", ".join(f"{count:.0f}" for count in counts[board][name]) for board in BOARDS)]
        for name in kernels
    ]
    return make_table(["kernel", *(f"{board}: smooth, soft" for board in BOARDS.values())], rows)


def make_nano_plane_row(row: dict[str, Any]) -> list[str]:
    shape = "x".join(map(str, row["input"])) + (f", stride {row['stride']}" if row["stride"] > 1 else "")
    mine_ms = row["issue_ms"] + row["beside_ms"]
    mine = f"{mine_ms:.3g}, of it {row['beside_ms']:.3g} its 1x1 convolution" if row["beside_ms"] else f"{mine_ms:.3g}"
    other = [row["replaced"], f"{row['replaced_ms']:.3g}", f"{row['replaced_ms'] / mine_ms:.2f}x"]
    return [row["layer"], shape, row["type"], f"{row['instructions']:.0f}", mine, *other]


def make_nano_plane_table() -> str:
    """A row for each layer that FWHT2D stands in for."""
    head = ["layer", "input", "type", "instructions an output", "`FWHT2D`, ms", "instead of", "ms", "ratio"]
    return make_table(head, map(make_nano_plane_row, read_result("instruction_counts")["nano_planes"]))


PARTS = {
    "nano_issue": make_nano_table,
    "nano_planes": make_nano_plane_table,
    "plane_instructions": make_plane_table,
    "layer_instructions": make_layer_table,
    "paths_instructions": make_paths_table,
    "convolution_instructions": make_convolution_table,
}
