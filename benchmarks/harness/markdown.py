"""Markdown tables, as the pages of docs/ and printed reports have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of a Markdown table; every row has as many cells as the head. Cells are not escaped."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])
