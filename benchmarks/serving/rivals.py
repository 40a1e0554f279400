"""Our server against others with the same model: python -m benchmarks.serving.rivals --python SERVER=INTERPRETER ...

Each rival needs an interpreter with its packages, as MLServer pins versions that the rest does not want (and its
workers fail with a newer uvloop than 0.21):

    python3 -m venv LIT && LIT/bin/pip install litserve onnxruntime pillow 'uvicorn[standard]' python-multipart
    python3 -m venv ML && ML/bin/pip install mlserver onnxruntime pillow 'uvloop<0.22'
    python -m benchmarks.serving.rivals --python plain=LIT/bin/python --python litserve=LIT/bin/python \
        --python mlserver=ML/bin/python

The load tool of `python -m server bench` asks each with 1, 16 and 64 connections, every request as soon as the last is
answered. One server lives at a time, in rounds; the figures are medians over the rounds. The tool runs on the same
cores, alike for all. Nothing is timed before a server gives the same label and score as ours does.
A server enters the table with the best of its settings (rival_sides.py): by median latency at 1, else by throughput.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.harness.process_tree import LoggedProcess
from benchmarks.harness.result_files import write_result
from benchmarks.serving.rival_sides import PACKAGES, SERVERS, SIDES, Side
from server.bench.command import ask_once
from server.bench.connection import Answer, Target
from server.bench.load import Plan, generate_load
from server.bench.report import summarise_latency
from server.models.model import load_model
from server.stage_times import StageTimes

IMAGE = Path("tests/data/cat.jpg")
CONCURRENCY = (1, 16, 64)
START_S = 90
WARM_UP_S = 1.0
SCORE_TOLERANCE = 1e-3
FIGURES = ("median_ms", "p99_ms", "requests_per_s", "cpu_ms", "failed")


def find_expected(model: Path) -> tuple[str, float]:
    loaded = load_model(str(model))
    (result,) = loaded.classify([IMAGE.read_bytes()], 1, StageTimes())
    loaded.close()
    return result["predictions"][0]["label"], result["predictions"][0]["score"]


def wait_until_right(
    side: Side, process: LoggedProcess, target: Target, request: bytes, right: tuple[str, float]
) -> None:
    """Raises SystemExit where the server does not start, or gives another answer."""
    end = time.monotonic() + START_S
    answer = Answer(0, b"")
    while answer.status != 200:
        if time.monotonic() > end or process.process.poll() is not None:
            raise SystemExit(
                f"{side.server} ({side.settings}) does not serve: {answer} {process.log.read_text()[-3000:]}"
            )
        time.sleep(0.1)
        try:
            answer = asyncio.run(ask_once(target, request))
        except OSError:
            continue
    label, score = side.read_best(answer.body)
    if label != right[0] or abs(score - right[1]) > SCORE_TOLERANCE:
        raise SystemExit(f"{side.server} says {label} {score}, not {right[0]} {right[1]}: nothing was timed")


def measure_turn(
    process: LoggedProcess, target: Target, request: bytes, concurrency: int, seconds: float
) -> dict[str, Any]:
    """One measurement. cpu_ms: processor time of all the server's processes per answered request."""
    asyncio.run(generate_load(target, [request], Plan(concurrency, seconds=WARM_UP_S)))
    before = process.tree.read_cpu_s()
    outcomes = asyncio.run(generate_load(target, [request], Plan(concurrency, seconds=seconds)))
    cpu_s = process.tree.read_cpu_s() - before
    times = summarise_latency(outcomes.good)
    answered = times["count"]
    return {
        "median_ms": times.get("p50"),
        "p99_ms": times.get("p99"),
        "requests_per_s": answered / outcomes.seconds,
        "cpu_ms": 1000 * cpu_s / answered if answered else None,
        "failed": outcomes.failed,
        "latency": times,
        "samples_ms": [round(latency, 4) for latency in outcomes.good],
    }


def measure(side: Side, python: str, options: argparse.Namespace, right: tuple[str, float]) -> list[dict[str, Any]]:
    """One round of one side: a turn for each concurrency."""
    with side.run(python, options.model) as (process, target):
        request = side.make_request(target, IMAGE.read_bytes())
        wait_until_right(side, process, target, request, right)
        return [
            {"concurrency": concurrency, **measure_turn(process, target, request, concurrency, options.seconds)}
            for concurrency in options.concurrency
        ]


def compute_medians(turns: list[dict[str, Any]]) -> dict[str, float | None]:
    """Of each figure over the rounds; None where no round has it. Failures add up."""
    result: dict[str, float | None] = {}
    for figure in FIGURES:
        values = [turn[figure] for turn in turns if turn[figure] is not None]
        result[figure] = (sum(values) if figure == "failed" else statistics.median(values)) if values else None
    return result


def choose_best_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each concurrency and server the row with its best settings, in the order of SERVERS."""
    best = []
    for concurrency in sorted({row["concurrency"] for row in rows}):
        for server in SERVERS:
            own = [row for row in rows if (row["server"], row["concurrency"]) == (server, concurrency)]
            own = [row for row in own if row["median_ms"] is not None]
            if own and concurrency == 1:
                best.append(min(own, key=lambda row: float(row["median_ms"])))
            elif own:
                best.append(max(own, key=lambda row: float(row["requests_per_s"])))
    return best


def read_versions(python: str) -> dict[str, str]:
    code = (
        "import json, sys; from importlib.metadata import distributions as d;"
        " print(json.dumps({'python': sys.version.split()[0], **{x.metadata['Name'].lower(): x.version for x in d()}}))"
    )
    found = json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)
    return {name: found[name] for name in ("python", *PACKAGES) if name in found}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.rivals", description="Our server against others."
    )
    parser.add_argument("--python", action="append", default=[], metavar="SERVER=INTERPRETER", help="of a rival")
    parser.add_argument("--model", type=Path, default=Path("models/fwht_mobilenet_v2.onnx"), help="an ONNX file")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (3)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn at each concurrency (10)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=CONCURRENCY, help="connections (1 16 64)")
    parser.add_argument("--first", action="store_true", help="each server's first settings alone, those for one client")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/rivals.json)")
    options = parser.parse_args()
    options.pythons = {"ours": sys.executable, **dict(pair.partition("=")[::2] for pair in options.python)}
    unknown = set(options.pythons) - set(SERVERS)
    if unknown:
        parser.error(f"--python names {', '.join(sorted(unknown))}: give one of {', '.join(SERVERS)}")
    return options


def main() -> None:
    options = parse_options()
    right = find_expected(options.model)
    sides = [side for side in SIDES if side.server in options.pythons]
    if options.first:
        sides = list({side.server: side for side in reversed(sides)}.values())[::-1]
    for server in SERVERS:
        if server not in options.pythons:
            print(f"{server} is not measured: say --python {server}=INTERPRETER")
    turns: dict[tuple[Side, int], list[dict[str, Any]]] = {}
    for number in range(options.rounds):
        for side in sides:
            print(f"round {number + 1}: {side.server}, {side.settings}", flush=True)
            for found in measure(side, options.pythons[side.server], options, right):
                turns.setdefault((side, found["concurrency"]), []).append(found)
    rows = [
        {"server": side.server, "settings": side.settings, "concurrency": n, **compute_medians(found), "rounds": found}
        for (side, n), found in turns.items()
    ]
    best = choose_best_rows(rows)
    print("connections, server: median ms, p99 ms, requests/s, CPU ms a request, failed; settings")
    for row in best:
        figures = " ".join(f"{row[figure]:9.2f}" for figure in FIGURES)
        print(f"{row['concurrency']:3} {row['server']:9} {figures}  {row['settings']}")
    results = {
        "model": str(options.model),
        "seconds": options.seconds,
        "versions": {server: read_versions(python) for server, python in options.pythons.items()},
        "rows": rows,
        "best": [{key: row[key] for key in ("server", "settings", "concurrency", *FIGURES)} for row in best],
    }
    print(f"written: {write_result('rivals', results, options.out)}")


if __name__ == "__main__":
    main()
