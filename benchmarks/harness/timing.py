"""Compare the speed of two or more things on a machine that others use too.

    rows = alternate({"convolution": make_a, "FWHT layer": make_b}, rounds=10, seconds=0.2)
    write("fwht_node", {"rows": rows})

Each `make` returns a function without arguments; it is made, warmed up, timed and dropped before the next one's turn,
and the turns go round `rounds` times. So whatever slows the machine for a while slows all of them, and threads that
spin between two calls, as ONNX Runtime's do by default and in service, never spin against another one's.
Times are wall-clock. Compare by the ratio of medians; a wide gap between p10 and p90 says that the machine was busy.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Callable

Make = Callable[[], Callable[[], object]]

RESULTS = Path("build/bench")
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "numpy", "onnx", "torch")
WARM_UP = 3  # calls: arenas are filled, memory patterns known
LEAST_CALLS = 3


def alternate(makers: dict[str, Make], rounds: int = 10, seconds: float = 0.2) -> dict[str, dict[str, Any]]:
    """Time every maker's function, `seconds` in each of `rounds` turns (three calls at least).

    Returns by name what `summary` tells. Raises ValueError where there is nothing to do.
    """
    if not makers or rounds < 1:
        raise ValueError(f"nothing to time: {len(makers)} functions, {rounds} rounds")
    samples: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            samples[name] += _turn(make, seconds)
            gc.collect()
    return {name: summary(times) for name, times in samples.items()}


def _turn(make: Make, seconds: float) -> list[float]:
    """The milliseconds of each call of one turn."""
    function = make()
    for _ in range(WARM_UP):
        function()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return times


def summary(times: list[float]) -> dict[str, Any]:
    """Median, 10th and 90th percentile of times in milliseconds, how many there are, and all of them."""
    deciles = statistics.quantiles(times, n=10, method="inclusive")
    return {
        "median_ms": statistics.median(times),
        "p10_ms": deciles[0],
        "p90_ms": deciles[-1],
        "calls": len(times),
        "samples_ms": [round(t, 5) for t in times],
    }


def machine() -> dict[str, Any]:
    """What the numbers depend on: processor, cores this process may use, load, Python and packages."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _version(package: str) -> str | None:
    """The installed version, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The model's name where Linux tells it; `platform` often knows no more than the architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def arguments(name: str, purpose: str | None, rounds: int, seconds: float) -> argparse.Namespace:
    """The options every benchmark has: rounds, seconds, out. `purpose` is its docstring, of which the head is shown."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=(purpose or "").split(":")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of each side ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"seconds a turn ({seconds})")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS / name}.json)")
    return parser.parse_args()


def write(name: str, results: dict[str, Any], path: Path | None = None) -> Path:
    """Write `results` and `machine` to `path`, by default build/bench/<name>.json, whole or not at all."""
    path = RESULTS / f"{name}.json" if path is None else path
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"benchmark": name, "machine": machine(), **results}, indent=1)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False) as part:
        part.write(text + "\n")
    Path(part.name).replace(path)
    return path
