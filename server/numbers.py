"""Numbers that people write, in a query, a setting or a card."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
LONGEST = 40  # characters


def parse_number(text: str) -> float:
    """nan for anything but a decimal number."""
    return float(text) if len(text) <= LONGEST and _NUMBER.fullmatch(text) else math.nan


def parse_score(text: str) -> float:
    """Raises ValueError, which begins with the text, unless it is a number from 0 to 1."""
    value = parse_number(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text[:80]!r}, it must be a number from 0 to 1")
    return value
