"""How long a killed server is away: python -m benchmarks.serving.restart

A client keeps asking /readyz while the process is killed (kill -9) and started again on the same port, as a supervisor
does it. The model's load is timed apart, in a process of its own, because it depends on the model alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness.process_tree import find_free_port
from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import ServerProcess
from benchmarks.harness.timing import parse_options
from server.profiling.turns import summarize

MODEL = "fwht_mobilenet_v2"
LIMIT_S = 3.0  # beyond the model's load
LOAD = (
    "import time; from server.models.model import load_model; import server.backends.onnxruntime_backend; "
    "start = time.perf_counter(); "
    f"load_model({MODEL!r}); print(time.perf_counter() - start)"
)


def measure_load() -> float:
    return float(subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True).stdout)


def measure_outages(rounds: int) -> list[float]:
    """Seconds from the kill to the next good answer, once a round."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess("--models", MODEL, log=Path(folder) / "log", port=find_free_port())
        server.start()
        try:
            for _ in range(rounds):
                server.wait_until_ready()
                server.kill()
                server.start()
                times.append(server.wait_until_ready())
        finally:
            server.kill()
    return times


def main() -> None:
    options = parse_options("serving.restart", __doc__, rounds=10, seconds=0)
    loads = [measure_load() for _ in range(options.rounds)]
    times = measure_outages(options.rounds)
    results: dict[str, Any] = {
        "model": MODEL,
        "load": summarize([1000 * seconds for seconds in loads]),
        "away": summarize([1000 * seconds for seconds in times]),
        "limit_s": LIMIT_S,
    }
    results["held"] = max(times) <= LIMIT_S + max(loads)
    print(f"away {max(times):.2f} s at most, of which the model's load {max(loads):.2f} s: held {results['held']}")
    print(f"written: {write_result('restart', results, options.out)}")
    if not results["held"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
