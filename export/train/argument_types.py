"""Types of command-line options: numbers within limits, refused by name and value."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class IntRange:
    """Converts a text to a whole number from `low` to `high`; raises ArgumentTypeError for anything else."""

    low: int
    high: int

    def __call__(self, text: str) -> int:
        if not re.fullmatch(r"-?\d{1,12}", text) or not self.low <= int(text) <= self.high:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {self.low} to {self.high}")
        return int(text)


@dataclass(frozen=True)
class FloatRange:
    """Converts a text to a number from `low` to `high`; raises ArgumentTypeError for anything else."""

    low: float
    high: float

    def __call__(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not self.low <= value <= self.high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {self.low:g} to {self.high:g}")
        return value
