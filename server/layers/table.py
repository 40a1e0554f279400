"""A layer report as text, and what texts of layers have in common."""

from __future__ import annotations

import textwrap
from typing import Any, Dict, Sequence

LINE = 120
LONGEST = 48  # characters of a layer's name


def table(rows: Sequence[Sequence[str]], alignment: str) -> str:
    """alignment: < or > for each column."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, alignment, widths)).rstrip() for row in rows
    )


def shortened(name: str, longest: int = LONGEST) -> str:
    """Both ends of a name that is too long: the layer's own part is mostly the last."""
    if len(name) <= longest:
        return name
    kept = longest - 3
    return f"{name[: kept - kept * 2 // 3]}...{name[-(kept * 2 // 3) :]}"


def report_table(report: Dict[str, Any]) -> str:
    rows = [["layer", "op", "ms", "p10", "p90", "share"]]
    for item in report["items"]:
        times = [f"{item[key]:.3f}" for key in ("ms", "ms_p10", "ms_p90")]
        rows.append([shortened(item["name"]), item["op"], *times, f"{item['share']:.1%}"])
    keys = ("sum_ms", "unattributed_ms", "profiled_ms", "latency_ms")
    rounds = f" in {report['rounds']} rounds" if "rounds" in report else ""
    sums = ", ".join(f"{key} {report[key]:.3f}" for key in keys) + f"; medians of {report['runs']} runs{rounds}"
    noisy = report["conditions"].get("noisy")
    notes = [f"NOISY: {noisy}"] if noisy else []
    notes += [report["note"]] if "note" in report else []
    return "\n".join([table(rows, "<<>>>>"), "", *map(wrapped, [sums, *notes])])


def wrapped(said: str) -> str:
    """Sentences in lines; a table is left alone."""
    return said if "\n" in said else textwrap.fill(said, LINE)
