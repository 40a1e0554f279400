"""A layer report as a bar chart: FWHT layers of one and two dimensions, multiplication-free ones and the work of no
layer in colours of their own, first together as parts of a strip, then layer by layer."""

from __future__ import annotations

import textwrap
from typing import Iterable, List, Sequence, Tuple

from ..profiling.report import LayerReport
from .svg import Drawing
from .table import shorten

WIDTH, EDGE, ROW = 960, 16, 18
NAMES, OPS, BARS, END = EDGE, 300, 430, 880  # where the columns begin, and where the bars end
STRIP = 22
LINE = 125  # characters
KINDS = {
    "fwht": "FWHT layers",
    "fwht2d": "2-D FWHT layers",
    "mf": "multiplication-free layers",
    "other": "other layers",
    "unknown": "work of no layer",
}  # as in page_layers.js

Part = Tuple[str, float]  # kind, milliseconds


def find_kind(op: str, nodes: Sequence[str]) -> str:
    if not nodes:
        return "unknown"
    if op.startswith("FWHT"):
        return "fwht2d" if op.startswith("FWHT2D") else "fwht"
    return "mf" if op.startswith("MF") else "other"


def draw_report(report: LayerReport) -> str:
    """The SVG file's text."""
    conditions = report["conditions"]
    drawing = Drawing(WIDTH)
    title = f"Layer times of {conditions.get('model', 'a model')}"
    y = draw_heading(drawing, title, _describe(report))
    items = report["items"]
    parts = [(find_kind(item["op"], item["onnx_nodes"]), item["ms"]) for item in items]
    whole = sum(ms for _, ms in parts)
    label = f"all layers {whole:.3f} ms; a run without the profiler takes {report['latency_ms']:.3f} ms"
    y = draw_strip(drawing, y, label, parts, whole)
    longest = max(max(item["ms"], item["ms_p90"]) for item in items) or 1
    for item, (kind, ms) in zip(items, parts):
        scale = (END - BARS) / longest
        tip = f"{item['name']}: {ms:.4f} ms, 10th to 90th percentile {item['ms_p10']:.4f} to {item['ms_p90']:.4f}"
        nodes = ", ".join(item["onnx_nodes"])
        drawing.add_clipped_text(NAMES, y + 13, OPS - NAMES - 8, shorten(item["name"], 44), tip=nodes or item["name"])
        drawing.add_clipped_text(OPS, y + 13, BARS - OPS - 8, item["op"], "soft")
        drawing.add_bar(BARS, y + 4, ms * scale, ROW - 7, kind, tip)
        drawing.add_whisker(BARS + item["ms_p10"] * scale, y + ROW / 2, (item["ms_p90"] - item["ms_p10"]) * scale)
        drawing.add_text(WIDTH - EDGE, y + 13, f"{ms:.3f} ms", right=True)
        y += ROW
    return drawing.to_svg(y + EDGE, title)


def draw_heading(drawing: Drawing, title: str, lines: Iterable[str]) -> float:
    """Draw the title and wrapped lines; returns the y below them."""
    y = 30.0
    drawing.add_clipped_text(EDGE, y, WIDTH - 2 * EDGE, title, "text big")
    for line in [part for text in lines for part in textwrap.wrap(text, LINE)]:
        y += 18
        drawing.add_clipped_text(EDGE, y, WIDTH - 2 * EDGE, line, "soft")
    return y + 14


def draw_strip(drawing: Drawing, y: float, label: str, parts: Sequence[Part], whole: float) -> float:
    """Draw the kinds' shares of the time; `whole`: the full width in ms. Returns the y below them."""
    sums = {name: sum(ms for kind, ms in parts if kind == name) for name in KINDS}
    together = sum(sums.values()) or 1
    drawing.add_text(EDGE, y + 12, label, "text strong")
    drawing.add_bar(EDGE, y + 18, WIDTH - 2 * EDGE, STRIP, "track")
    x, at = float(EDGE), float(EDGE)
    for name, ms in sums.items():
        if not ms:
            continue
        width = ms / (whole or 1) * (WIDTH - 2 * EDGE)
        drawing.add_bar(x, y + 18, width, STRIP, name, f"{KINDS[name]}: {ms:.3f} ms")
        x += width
        drawing.add_bar(at, y + 18 + STRIP + 6, 11, 11, name)
        words = f"{KINDS[name]} {ms:.3f} ms, {ms / together:.0%}"
        drawing.add_text(at + 16, y + 18 + STRIP + 16, words)
        at += 16 + 7.2 * len(words) + 12
    return y + 18 + STRIP + 34


def _describe(report: LayerReport) -> List[str]:
    conditions = report["conditions"]
    known = [conditions.get(key) for key in ("backend", "precision", "provider", "gpu", "cpu")]
    known += [f"batch {conditions['batch']}"] if "batch" in conditions else []
    rounds = f" in {report['rounds']} rounds" if "rounds" in report else ""
    runs = f"medians of {report['runs']} profiled runs{rounds}"
    noisy = [f"Noisy: {conditions['noisy']}"] if "noisy" in conditions else []
    return [", ".join(str(value) for value in known if value), f"{runs}; thin lines: 10th to 90th percentile", *noisy]
