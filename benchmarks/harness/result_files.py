"""Results of benchmarks as JSON files, with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from server.files import write_atomically
from server.profiling import machine

RESULTS = Path("build/bench")
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "numpy", "onnx", "torch")


def describe_machine() -> dict[str, Any]:
    """What the numbers depend on: processor, cores this process may use, load, Python and packages."""
    found = machine.describe_machine()
    return {
        "processor": found["cpu"],
        "cores": found["cores"],
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": found["python"],
        "packages": {name: find_version(name) for name in PACKAGES},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def find_version(package: str) -> str | None:
    """The installed version, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def write_json(path: Path, value: object) -> None:
    """Indented, whole or not at all."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())


def write_result(name: str, results: dict[str, Any], path: Path | None = None) -> Path:
    """Write `results` and `machine` to `path`, by default build/bench/<name>.json."""
    path = RESULTS / f"{name}.json" if path is None else path
    write_json(path, {"benchmark": name, "machine": describe_machine(), **results})
    return path
