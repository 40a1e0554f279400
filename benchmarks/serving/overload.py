"""Twice as many requests as the server can answer, for minutes: python -m benchmarks.serving.overload --seconds 600

First the sustainable rate is measured, then twice that is asked for. Right is: 200, or 503 at once; every answer within
the server's deadline; /livez and /readyz answered 200 throughout; memory that does not climb; and two seconds after the
end the server is as fast as before. The tool runs on the same cores and takes its share of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import ServerProcess, run_server
from server.bench.connection import encode_request
from server.bench.images import encode_form
from server.bench.load import Outcomes, Plan, generate_load
from server.bench.report import summarise_latency

IMAGE = Path("tests/data/cat.jpg")
CLIENTS = 16
CONNECTIONS = 256
DEADLINE_S = 10.0  # the server's default, which it promises to keep
RECOVER_S = 2.0
RECOVERED = 0.8  # of the rate before: two measurements of some seconds differ by a tenth on a busy machine
MOST_BYTES_PER_MINUTE = 2 << 20
PROBES = ("/livez", "/readyz")


async def watch(server: ServerProcess, stop: asyncio.Event) -> list[dict[str, Any]]:
    """Once a second: seconds since the start, resident bytes, and the status of each probe."""
    loop, start, seen = asyncio.get_running_loop(), time.monotonic(), []
    while not stop.is_set():
        probes = {path: await loop.run_in_executor(None, server.fetch_status, path) for path in PROBES}
        seen.append({"s": time.monotonic() - start, "bytes": server.tree.read_memory(), **probes})
        try:
            await asyncio.wait_for(stop.wait(), 1.0)
        except asyncio.TimeoutError:
            continue
    return seen


async def overload(server: ServerProcess, request: bytes, plan: Plan) -> tuple[Outcomes, list[dict[str, Any]]]:
    stop = asyncio.Event()
    watcher = asyncio.create_task(watch(server, stop))
    outcomes = await generate_load(server.target, [request], plan)
    stop.set()
    return outcomes, await watcher


def compute_slope(seen: list[dict[str, Any]]) -> float:
    """Bytes a minute, by least squares over the last three quarters, when buffers have found their size."""
    late = seen[len(seen) // 4 :]
    seconds, sizes = [one["s"] for one in late], [one["bytes"] for one in late]
    mean_s, mean_size = sum(seconds) / len(late), sum(sizes) / len(late)
    spread = sum((s - mean_s) ** 2 for s in seconds)
    return 60 * sum((s - mean_s) * (size - mean_size) for s, size in zip(seconds, sizes)) / spread if spread else 0.0


def measure_rate(server: ServerProcess, request: bytes, seconds: float) -> float:
    """Requests a second with 16 clients that ask again once they are answered."""
    outcomes = asyncio.run(generate_load(server.target, [request], Plan(CLIENTS, seconds=seconds)))
    return len(outcomes.good) / outcomes.seconds


def measure(server: ServerProcess, seconds: float, calm_s: float = 10.0) -> dict[str, Any]:
    request = encode_request(server.target, *encode_form([IMAGE.read_bytes()]))
    measure_rate(server, request, calm_s / 5)  # warm
    before = measure_rate(server, request, calm_s)
    plan = Plan(CONNECTIONS, rate=2 * before, seconds=seconds, timeout=3 * DEADLINE_S)
    outcomes, seen = asyncio.run(overload(server, request, plan))
    time.sleep(RECOVER_S)
    after = measure_rate(server, request, calm_s)
    return {
        "sustainable_per_s": before,
        "asked_per_s": plan.rate,
        "seconds": outcomes.seconds,
        "late": outcomes.late,
        "outcomes": {name: summarise_latency(times) for name, times in sorted(outcomes.latencies.items())},
        "memory_bytes_per_minute": compute_slope(seen),
        "after_per_s": after,
        "seen": seen,
    }


def find_problems(found: dict[str, Any]) -> list[str]:
    wrong = [
        f"{one['count']} requests ended as {name}" for name, one in found["outcomes"].items() if not is_allowed(name)
    ]
    good = found["outcomes"].get("200", {"count": 0})
    if not good["count"]:
        wrong.append("nothing was answered 200")
    elif good["max"] > 1000 * DEADLINE_S:
        wrong.append(f"the slowest answer took {good['max']:.0f} ms, the deadline is {1000 * DEADLINE_S:.0f} ms")
    for path in PROBES:
        bad = [one[path] for one in found["seen"] if one[path] != 200]
        if bad:
            wrong.append(f"{path} was not 200 but {sorted(set(bad))}, {len(bad)} of {len(found['seen'])} times")
    if found["seconds"] >= 120 and found["memory_bytes_per_minute"] > MOST_BYTES_PER_MINUTE:  # less time says nothing
        wrong.append(f"the memory grows by {found['memory_bytes_per_minute']:,.0f} bytes a minute")
    if found["after_per_s"] < RECOVERED * found["sustainable_per_s"]:
        wrong.append(f"{found['after_per_s']:.0f} requests/s afterwards, {found['sustainable_per_s']:.0f} before")
    return wrong


def is_allowed(outcome: str) -> bool:
    return outcome in ("200", "503", "504")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.overload", description="Twice the sustainable rate."
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="of overload (600)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/overload.json)")
    options = parser.parse_args()
    with run_server() as server:
        found = measure(server, options.seconds)
    found["problems"] = find_problems(found)
    print(json.dumps({name: value for name, value in found.items() if name != "seen"}, indent=1))
    print(f"written: {write_result('overload', found, options.out)}")
    if found["problems"]:
        raise SystemExit("; ".join(found["problems"]))


if __name__ == "__main__":
    main()
