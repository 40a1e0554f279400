"""Names of what is made."""

from __future__ import annotations

import argparse
import re

from export.data.names import describe_name


def check_name(name: str) -> str:
    """Raises ArgumentTypeError for what cannot be the name of files and models."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name.endswith(".report"):
        raise argparse.ArgumentTypeError(
            f"{describe_name(name)}: letters, digits, '.', '_' and '-' only, the first a letter or digit"
        )
    return name
