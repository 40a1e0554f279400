"""How long a killed server is away: python -m benchmarks.serving.restart

A client keeps asking /readyz while the process is killed (kill -9) and started again on the same port, as a supervisor
does it. The model's load is timed apart, in a process of its own, because it depends on the model alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from benchmarks.harness.process_tree import free_port
from benchmarks.harness.timing import arguments, summary, write

MODEL = "fwht_mobilenet_v2"
POLL_S = 0.01
GIVE_UP_S = 60.0
LIMIT_S = 3.0  # beyond the model's load
LOAD = (
    "import time; from server.models.model import load_model; import server.backends.onnxruntime_backend; "
    "start = time.perf_counter(); "
    f"load_model({MODEL!r}); print(time.perf_counter() - start)"
)


def start(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "server", "--port", str(port), "--models", MODEL], stderr=subprocess.DEVNULL
    )


def seconds_until_ready(port: int) -> float:
    """Raises SystemExit where it takes more than GIVE_UP_S."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < GIVE_UP_S:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return time.perf_counter() - begun
        except urllib.error.HTTPError as error:
            error.close()  # it answers, and is not ready
        except OSError:
            pass
        time.sleep(POLL_S)
    raise SystemExit(f"the server was not ready within {GIVE_UP_S} s")


def load_seconds() -> float:
    return float(subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True).stdout)


def away(rounds: int) -> list[float]:
    """Seconds from the kill to the next good answer, once a round."""
    port, times = free_port(), []
    process = start(port)
    try:
        for _ in range(rounds):
            seconds_until_ready(port)
            process.kill()
            process.wait()
            process = start(port)
            times.append(seconds_until_ready(port))
    finally:
        process.kill()
        process.wait()
    return times


def main() -> None:
    options = arguments("restart", __doc__, rounds=10, seconds=0)
    loads = [load_seconds() for _ in range(options.rounds)]
    times = away(options.rounds)
    results: dict[str, Any] = {
        "model": MODEL,
        "load": summary([1000 * seconds for seconds in loads]),
        "away": summary([1000 * seconds for seconds in times]),
        "limit_s": LIMIT_S,
    }
    results["held"] = max(times) <= LIMIT_S + max(loads)
    print(f"away {max(times):.2f} s at most, of which the model's load {max(loads):.2f} s: held {results['held']}")
    print(f"written: {write('restart', results, options.out)}")
    if not results["held"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
