"""The tables of docs/kernels.md that say how many instructions the kernels issue, and how that changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import read_result

BOARDS = {"sm_53": "Nano, sm_53", "sm_72": "Xavier, sm_72", "sm_87": "Orin, sm_87", "sm_90": "H100, sm_90"}
LAYER = re.compile(r"fwht_layer_kernel<(\w+), (\d), (\d+), (\d+), (\d+), (\d+), (true|false)>")


def describe_change(now: float, before: float | None) -> str:
    """In whole per cent, with a true minus."""
    if before is None:
        return "new"
    change = round(100 * (now / before - 1))
    return f"{change:+d}".replace("-", "\u2212").replace("+0", "0")


def make_cell(counts: Sequence[float] | None, before: Sequence[float] | None) -> str:
    """The first count and what became of every one, in per cent."""
    if counts is None:
        return f"{before[0]:,.0f}" if before else "not counted"
    changes = [describe_change(now, before[place] if before else None) for place, now in enumerate(counts)]
    return f"{counts[0]:,.0f}: {', '.join(changes)} %"


def sort_layers(name: str) -> tuple[Any, ...]:
    """By type and layout, n, pixels of a block."""
    found = LAYER.match(name)
    assert found is not None, name
    kind, layout, rows, columns, pixels, vector, packed = found.groups()
    return kind, layout, int(rows) * int(columns), int(pixels), int(vector), packed


def make_rows(kernels: Sequence[str]) -> list[list[str]]:
    result = read_result("instruction_counts")
    counts, baseline = result.get("counts", {}), result["baseline"]
    return [
        [f"`{name}`"] + [make_cell(counts.get(b, {}).get(name), baseline[b].get(name)) for b in BOARDS]
        for name in kernels
    ]


def list_kernels(prefix: str) -> set[str]:
    """Of the counts that are kept; of the baseline where none are."""
    result = read_result("instruction_counts")
    return {
        name
        for part in ("counts", "baseline")
        for name in result.get(part, {}).get("sm_53", {})
        if name.startswith(prefix)
    }


def make_layer_table() -> str:
    kernels = sorted((name for name in list_kernels("fwht_layer_kernel") if LAYER.match(name)), key=sort_layers)
    return make_table(["kernel", *BOARDS.values()], make_rows(kernels))


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
    "convolution_instructions": make_convolution_table,
}
