"""A layer report as text, and what texts of layers have in common."""

from __future__ import annotations

import textwrap
from typing import Sequence

from ..profiling.report import LayerReport

LINE = 120
LONGEST = 48  # characters of a layer's name


def format_table(rows: Sequence[Sequence[str]], alignment: str) -> str:
    """alignment: < or > for each column."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, alignment, widths)).rstrip() for row in rows
    )


def shorten(name: str, longest: int = LONGEST) -> str:
    """Both ends of a name that is too long: the layer's own part is mostly the last."""
    if len(name) <= longest:
        return name
    kept = longest - 3
    return f"{name[: kept - kept * 2 // 3]}...{name[-(kept * 2 // 3) :]}"


def format_report(report: LayerReport) -> str:
    rows = [["layer", "op", "ms", "p10", "p90", "share"]]
    for item in report["items"]:
        times = [f"{ms:.3f}" for ms in (item["ms"], item["ms_p10"], item["ms_p90"])]
        rows.append([shorten(item["name"]), item["op"], *times, f"{item['share']:.1%}"])
    rounds = f" in {report['rounds']} rounds" if "rounds" in report else ""
    sums = (
        f"sum_ms {report['sum_ms']:.3f}, unattributed_ms {report['unattributed_ms']:.3f}, profiled_ms"
        f" {report['profiled_ms']:.3f}, latency_ms {report['latency_ms']:.3f}; medians of {report['runs']} runs{rounds}"
    )
    noisy = report["conditions"].get("noisy")
    notes = [f"NOISY: {noisy}"] if noisy else []
    notes += [report["note"]] if "note" in report else []
    return "\n".join([format_table(rows, "<<>>>>"), "", *map(wrap, [sums, *notes])])


def wrap(text: str) -> str:
    """Sentences in lines; a table is left alone."""
    return text if "\n" in text else textwrap.fill(text, LINE)
