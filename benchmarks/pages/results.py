"""The measured results that the tables are made of, and the conditions they were measured under."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"


def read_result(name: str) -> dict[str, Any]:
    """The JSON of benchmarks/results/NAME.json."""
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def describe_machine(measured: dict[str, Any]) -> str:
    """Processor, versions and day of a result, as one phrase."""
    machine = measured["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    place = f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}"
    return f"{place}, {packages}; {machine['time'][:10]}"
