"""Tables of reports: columns, long names, notes."""

from __future__ import annotations

from typing import Any

from server.layers.table import LONGEST, format_report, format_table, shorten

from .sides import item, report


def test_columns() -> None:
    assert format_table([["a", "b"], ["long", "1"], ["x", "100"]], "<>") == "a       b\nlong    1\nx     100"


def test_long_names_keep_both_ends() -> None:
    name = "first.layer.of.a.block + " + "x" * 100 + " + the.last.relu"
    short = shorten(name)
    assert len(short) == LONGEST and short.startswith("first.layer.of") and short.endswith("the.last.relu")
    assert shorten("x" * LONGEST) == "x" * LONGEST


def test_a_report() -> None:
    said = format_report(report(item("stem", 0.0204), item("x" * 200, 0.1, op="FWHTLayer"), note="A note."))
    lines = said.splitlines()
    assert lines[0].split() == ["layer", "op", "ms", "p10", "p90", "share"]
    assert lines[1].split() == ["stem", "Conv", "0.020", "0.020", "0.020", "10.0%"]
    assert max(map(len, lines)) <= 120 and lines[-1] == "A note."
    assert "sum_ms 0.120, unattributed_ms 0.000, profiled_ms 0.120, latency_ms 0.120; medians of 50 runs" in said
    noisy: dict[str, Any] = {"conditions": {"noisy": "the clock changed"}, "rounds": 5}
    said = format_report(report(item("stem"), **noisy))
    assert "medians of 50 runs in 5 rounds" in said and "NOISY: the clock changed" in said
