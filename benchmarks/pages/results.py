"""What the tables of figures share: their results, their look and their conditions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"


def result(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def where(measured: dict[str, Any]) -> str:
    """Processor, versions and day."""
    machine = measured["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    place = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}"
    return f"{place}, {packages}; {machine['time'][:10]}"
