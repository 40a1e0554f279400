"""The lines of a comparison that docs/layers.md shows: the head, layers with an FWHTLayer, what is said below."""

from __future__ import annotations

import textwrap
from pathlib import Path

LINES = Path(__file__).resolve().parents[1] / "results" / "layer_diff.txt"


def choose_lines(printed: str) -> str:
    """Of what `python -m server.layers compare` prints. Raises ValueError where it is no comparison."""
    lines = printed.splitlines()
    head = next((number for number, line in enumerate(lines) if line.startswith("layer ")), None)
    end = next((number for number, line in enumerate(lines) if line.startswith("a whole run:")), None)
    if head is None or end is None:
        raise ValueError(f"no table and no whole run in what was printed: {printed[:300]!r}")
    noise = [line for line in lines[:head] if line.startswith("NOISY")]
    layers = [line for line in lines[head:end] if "FWHTLayer" in line]
    return "\n".join([*noise, lines[head], *layers, "...", *lines[end:]]).rstrip() + "\n"


def quote_lines() -> str:
    return textwrap.indent(LINES.read_text().rstrip(), "    ")


PARTS = {"layer_diff": quote_lines}
