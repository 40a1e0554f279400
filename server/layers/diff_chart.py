"""The difference of two sides as a bar chart: two bars for each group of layers, A's above B's."""

from __future__ import annotations

from typing import List, Sequence

from .chart import EDGE, WIDTH, draw_heading, draw_strip, find_kind
from .diff import FASTER, SLOWER, Diff
from .diff_table import describe_conditions, describe_ops, describe_verdict, format_percent, list_noise
from .groups import Unmatched
from .svg import Drawing
from .table import shorten
from .times import TimedLayer, Times

NAMES, BARS, END, NUMBERS = EDGE, 340, 690, 760  # where columns begin, the bars end, and the times end
ROW, BAR = 34, 11
COLOURS = {SLOWER: "wrong", FASTER: "inference"}


def draw_diff(found: Diff) -> str:
    """The SVG file's text."""
    drawing = Drawing(WIDTH)
    title = f"A: {shorten(found.a.label)}, B: {shorten(found.b.label)}"
    y = draw_heading(drawing, title, _describe(found))
    whole = max(found.a.sum.ms, found.b.sum.ms)
    for name, side in found.sides:
        parts = [(find_group_kind([layer]), layer.times.ms) for layer in side.layers]
        run = f"; a run without the profiler takes {side.total.ms:.3f} ms" if side.total else ""
        y = draw_strip(drawing, y, f"{name}, all layers {side.sum.ms:.3f} ms{run}", parts, whole)
    y = _draw_rows(drawing, y, found)
    return drawing.to_svg(y + EDGE, f"Layer times of {title}")


def find_group_kind(layers: Sequence[TimedLayer]) -> str:
    """Of the layers that do the work; one whose block has no known nodes is some other layer, not work of none."""
    kinds = [find_kind(layer.op, layer.nodes or layer.block or ()) for layer in layers if not layer.helper]
    return next((name for name in ("fwht", "fwht2d", "mf", "other") if name in kinds), "unknown")


def _draw_rows(drawing: Drawing, y: float, found: Diff) -> float:
    highs = [times.high for row in found.rows for times in (row.difference.a, row.difference.b)]
    highs += [one.layer.times.high for one in (*found.only_a, *found.only_b)]
    scale = (END - BARS) / (max(highs) or 1)
    for row in found.rows:
        one = row.difference
        _draw_labels(drawing, y, row.group.name, describe_ops(row.group.a, row.group.b), [*row.group.a, *row.group.b])
        _draw_bar(drawing, y + 5, scale, row.group.a, one.a, faint=True)
        _draw_bar(drawing, y + 18, scale, row.group.b, one.b)
        drawing.add_text(
            WIDTH - EDGE, y + 15, f"{one.ms:+.3f} ms  {format_percent(one)}", COLOURS.get(one.verdict, "soft"), True
        )
        text = f"{one.verdict}, above the limit" if one.above else one.verdict
        drawing.add_text(WIDTH - EDGE, y + 28, text, f"small {COLOURS.get(one.verdict, 'soft')}", True)
        y += ROW
    for name, unmatched in (("A", found.only_a), ("B", found.only_b)):
        if unmatched:
            y = _draw_unmatched(drawing, y, scale, name, unmatched)
    return y


def _draw_unmatched(drawing: Drawing, y: float, scale: float, name: str, unmatched: Sequence[Unmatched]) -> float:
    together = sum(one.layer.times.ms for one in unmatched)
    drawing.add_line(y + 4)
    drawing.add_text(EDGE, y + 22, f"Only in {name}: {together:.3f} ms together", "text strong")
    y += 30
    for one in unmatched:
        _draw_labels(drawing, y, one.layer.name, one.reason, [one.layer])
        _draw_bar(drawing, y + 8, scale, [one.layer], one.layer.times, faint=name == "A")
        y += ROW
    return y


def _draw_labels(drawing: Drawing, y: float, name: str, under: str, layers: Sequence[TimedLayer]) -> None:
    drawing.add_clipped_text(
        NAMES, y + 15, BARS - NAMES - 12, shorten(name), tip="; ".join(layer.name for layer in layers)
    )
    drawing.add_clipped_text(NAMES, y + 28, BARS - NAMES - 12, under, "small soft")


def _draw_bar(
    drawing: Drawing, y: float, scale: float, layers: Sequence[TimedLayer], times: Times, faint: bool = False
) -> None:
    tip = f"{times.ms:.4f} ms, between {times.low:.4f} and {times.high:.4f}"
    drawing.add_bar(BARS, y, times.ms * scale, BAR, find_group_kind(layers), tip, faint)
    drawing.add_whisker(BARS + times.low * scale, y + BAR / 2, (times.high - times.low) * scale)
    drawing.add_text(NUMBERS, y + BAR - 1, f"{times.ms:.3f}", "small text", True)


def _describe(found: Diff) -> List[str]:
    lines = [
        f"{name} ({place} bar): {describe_conditions(side)}; {side.band}"
        for (name, side), place in zip(found.sides, ("upper, faint", "lower"))
    ]
    lines.append("Thin lines: between what a time moves when it is measured again.")
    lines += [f"Noisy: {text}" for text in list_noise(found)]
    text = describe_verdict(found)
    return [*lines, text] if text else lines
