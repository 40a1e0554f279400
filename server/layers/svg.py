"""SVG for the charts of layer times: rectangles and text in the page's colours, on light and on dark.

Colours stand in classes, written out for both schemes; a viewer that knows no `prefers-color-scheme` shows the light.
"""

from __future__ import annotations

import re
from typing import Dict, List, Tuple
from xml.sax.saxutils import escape

# Those of page.css, by its names: on light, on dark.
COLOURS: Dict[str, Tuple[str, str]] = {
    "card": ("#fff", "#1c2026"),
    "text": ("#1b1f24", "#e8ebef"),
    "soft": ("#57606c", "#a8b1bd"),
    "line": ("#d5dbe3", "#343b45"),
    "track": ("#e8ecf1", "#2b323b"),
    "wrong": ("#b3261e", "#ff8a80"),
    "inference": ("#0b7a75", "#3fb8ae"),
    "fwht": ("#1f5fd0", "#6ea4ff"),
    "fwht2d": ("#a8327f", "#ee8fcb"),
    "mf": ("#c96a0a", "#f0a35e"),
    "other": ("#98a2ae", "#76818e"),
}
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Drawing:
    """Lengths are pixels; y of a text is its base line. `kind` and `colour` are names of COLOURS."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._parts: List[str] = []

    def add_bar(
        self, x: float, y: float, width: float, height: float, kind: str, tip: str = "", faint: bool = False
    ) -> None:
        """A rectangle; the kind "unknown" is hatched. tip: shown when pointed at."""
        opacity = ' fill-opacity="0.5"' if faint else ""
        shape = (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.2f}" height="{height:.1f}" class="{kind}"{opacity}'
        )
        self._parts.append(f"{shape}><title>{escape_text(tip)}</title></rect>" if tip else f"{shape}/>")

    def add_whisker(self, x: float, y: float, width: float) -> None:
        """A thin line with ends, on the middle of a bar."""
        path = f"M{x:.1f} {y - 2:.1f}v4m0 -2h{width:.1f}m0 -2v4"
        self._parts.append(f'<path d="{path}" class="whisker"/>')

    def add_line(self, y: float) -> None:
        self._parts.append(f'<path d="M16 {y:.1f}h{self.width - 32}" class="rule"/>')

    def add_text(self, x: float, y: float, text: str, style: str = "text", right: bool = False) -> None:
        """style: classes, a colour among them. right: x is where the text ends."""
        anchor = ' text-anchor="end"' if right else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{style}"{anchor}>{escape_text(text)}</text>')

    def add_clipped_text(self, x: float, y: float, width: float, text: str, style: str = "text", tip: str = "") -> None:
        """Text that is cut off at `width`, however wide its letters are."""
        inner = f'<text y="14" class="{style}">{escape_text(text)}<title>{escape_text(tip or text)}</title></text>'
        self._parts.append(f'<svg x="{x:.1f}" y="{y - 14:.1f}" width="{width:.1f}" height="20">{inner}</svg>')

    def to_svg(self, height: float, title: str) -> str:
        size = f'width="{self.width}" height="{height:.0f}" viewBox="0 0 {self.width} {height:.0f}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape_text(title)}">',
                f"<title>{escape_text(title)}</title>",
                f"<style>\n{make_style()}\n</style>",
                '<defs><pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse"'
                ' patternTransform="rotate(45)"><rect width="2" height="4" class="other"/></pattern></defs>',
                '<rect width="100%" height="100%" class="card"/>',
                *self._parts,
                "</svg>\n",
            ]
        )


def make_style() -> str:
    rules = [
        f"text {{ font: 12px {FONT}; font-variant-numeric: tabular-nums; }}",
        ".big { font-size: 16px; font-weight: 600; } .strong { font-weight: 600; } .small { font-size: 11px; }",
        ".unknown { fill: url(#hatch); } .rule, .whisker { fill: none; }",
    ]
    light, dark = (
        [f".{name} {{ fill: {pair[scheme]}; }}" for name, pair in COLOURS.items()]
        + [f".rule {{ stroke: {COLOURS['line'][scheme]}; }} .whisker {{ stroke: {COLOURS['text'][scheme]}; }}"]
        for scheme in (0, 1)
    )
    return "\n".join([*rules, *light, "@media (prefers-color-scheme: dark) {", *dark, "}"])


def escape_text(text: str) -> str:
    """Escaped; what XML cannot hold (TensorRT separates names by control characters) becomes a blank."""
    return escape(NOT_XML.sub(" ", text), {'"': "&quot;"})
