"""Names and paths in messages: whatever they hold, they can be printed and are read as what they are."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from pathlib import Path


def describe_path(path: Path | str) -> str:
    """A path that can be printed: bytes that are no UTF-8 as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def describe_name(name: str) -> str:
    """A class name as it is, in quotes where a reader would take it for something else."""
    plain = name == name.strip() and name.isprintable() and not set(name) & set(",;:\"'")
    return name if plain else f'"{name}"'


def describe_some(names: list[str], most: int = 10) -> str:
    """The first few of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def escape_unprintable_output() -> None:
    """From here on what the terminal's encoding lacks is printed as \\uNNNN, where it would end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def check_name(name: str) -> str:
    """For argparse: raises ArgumentTypeError for what cannot be the name of files and models."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise argparse.ArgumentTypeError(
            f"{name!r}: letters, digits, '.', '_' and '-' only, the first a letter or digit"
        )
    if name.endswith(".report"):
        raise argparse.ArgumentTypeError(f"{name!r}: what ends in .report is the folder of a report")
    return name
