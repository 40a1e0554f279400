"""The hybrid against the baseline as users meet them, over HTTP and in bulk: python -m benchmarks.serving.hybrids

Three sides take turns: the baseline, the hybrid with native kernels, the hybrid with function bodies (FWHT_NATIVE=off).

- http: in each round every side's server is started twice, with its defaults for 1 and 16 connections, and with what
  docs/serving.md advises for several clients for 16. The load tool on the same cores sends a 32x32 JPEG as a form, the
  next one when one is answered. The medians of the starts are compared.
- bulk: `python -m server.bulk` on one folder; images a second from the first worker's begin to the last part written.

Nothing is timed before a server says on which kernels it runs and finds the label that the session finds. The figure of
a side is the median over its starts; every start's figures are kept, and in build/bench/ every latency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.result_files import RESULTS, write_result
from benchmarks.harness.server_process import ServerProcess, run_server
from benchmarks.serving.bulk import measure_bulk
from benchmarks.serving.bulk_images import PACK, write_images
from benchmarks.serving.rival_sides import MANY_CLIENTS
from benchmarks.serving.rivals import IMAGE, find_expected, measure_turn
from server.backends.native_kernels import FUNCTION_BODY
from server.bench.command import ask_once
from server.bench.connection import encode_request
from server.bench.images import encode_form

SETTINGS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {  # flags, connections
    "defaults": ((), (1, 16)),
    "a run per core, one thread each": (MANY_CLIENTS, (16,)),
}
PLACES = ("--max-waiting", "128")
SCORE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Side:
    """A model, and FWHT_NATIVE for it."""

    name: str
    model: str
    native: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "FWHT_NATIVE": self.native}


def list_sides(baseline: str, hybrid: str) -> list[Side]:
    return [
        Side(baseline, baseline, "auto"),
        Side(hybrid, hybrid, "required"),
        Side(f"{hybrid} (function body)", hybrid, "off"),
    ]


def check_server(side: Side, server: ServerProcess, request: bytes) -> None:
    """Raises SystemExit where it runs on other kernels, or answers wrongly."""
    with urllib.request.urlopen(f"{server.url}/v1/models", timeout=10) as answer:
        kernels = json.loads(answer.read())["models"][0]["kernels"]
    expected = {"auto": kernels is None, "off": kernels == FUNCTION_BODY}
    if not expected.get(side.native, str(kernels).startswith("native ")):
        raise SystemExit(f"{side.name} runs on {kernels}; nothing was timed")
    label, score = find_expected(Path(f"models/{side.model}.onnx"))
    found = json.loads(asyncio.run(ask_once(server.target, request)).body)["results"][0]["predictions"][0]
    if found["label"] != label or abs(found["score"] - score) > SCORE_TOLERANCE:
        raise SystemExit(f"{side.name} says {found}, not {label} {score}; nothing was timed")


def measure_start(side: Side, settings: str, seconds: float) -> dict[int, dict[str, Any]]:
    """One start of one side's server: by connections what `measure_turn` tells."""
    flags, connections = SETTINGS[settings]
    model = ("--models", f"models/{side.model}.onnx")
    # In this session: Linux may share the processors out by sessions, which a lone client would not have measured.
    with run_server(*model, *PLACES, *flags, environment=side.environment, new_session=False) as server:
        request = encode_request(server.target, *encode_form([IMAGE.read_bytes()]))
        check_server(side, server, request)
        return {n: measure_turn(server, server.target, request, n, seconds) for n in connections}


def measure_http(sides: list[Side], options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each settings and number of connections, with all starts of each side."""
    starts: dict[tuple[str, int], dict[str, list[dict[str, Any]]]] = {}
    for number in range(options.rounds):
        for settings in SETTINGS:
            for side in sides:
                for connections, found in measure_start(side, settings, options.seconds).items():
                    row = starts.setdefault((settings, connections), {each.name: [] for each in sides})
                    row[side.name].append(found)
        print(f"round {number + 1} of {options.rounds}", flush=True)
    rows = []
    for (settings, connections), found in starts.items():
        failed = sum(turn["failed"] for turns in found.values() for turn in turns)
        medians = {name: [turn["median_ms"] for turn in turns] for name, turns in found.items()}
        conditions = {"settings": settings, "connections": connections, "failed": failed}
        rows.append({**conditions, **summarise(medians, sides), "starts": found})
    return rows


def measure_bulk_runs(sides: list[Side], options: argparse.Namespace) -> dict[str, Any]:
    """Images a second of each side, of every run."""
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    with tempfile.TemporaryDirectory() as images:
        write_images(Path(images), options.images, PACK)
        for number in range(options.bulk_rounds):
            for side in sides:
                rates[side.name].append(measure_bulk(Path(images), side.model, options.batch, side.native)["work"])
            print(f"bulk round {number + 1} of {options.bulk_rounds}", flush=True)
    return {"images": options.images, "batch": options.batch, **summarise(rates, sides)}


def summarise(samples: dict[str, list[float]], sides: list[Side]) -> dict[str, Any]:
    """By side the median over the starts, the lowest and the highest, and the share of the first side's median."""
    base = statistics.median(samples[sides[0].name])
    return {
        "sides": {
            name: {
                "median": statistics.median(values),
                "low": min(values),
                "high": max(values),
                "share": statistics.median(values) / base,
                "of_starts": values,
            }
            for name, values in samples.items()
        }
    }


def show(title: str, found: dict[str, Any]) -> None:
    print(title)
    for name, side in found["sides"].items():
        spread = f"({side['low']:.2f} to {side['high']:.2f})"
        print(f"  {name:36} {side['median']:9.2f} {spread:22} {side['share']:.2f}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.hybrids", description="Hybrid against baseline, over HTTP and in bulk."
    )
    parser.add_argument("--parts", default="http,bulk", help="which parts (http,bulk)")
    parser.add_argument("--rounds", type=int, default=11, help="of the servers: two starts of each side (11)")
    parser.add_argument("--seconds", type=float, default=2.5, help="of load, for each number of connections (2.5)")
    parser.add_argument("--bulk-rounds", type=int, default=7, help="bulk runs of each side (7)")
    parser.add_argument("--images", type=int, default=10_000, help="of a bulk run (10000)")
    parser.add_argument("--batch", type=int, default=4, help="images of one run in bulk (4)")
    parser.add_argument("--baseline", default="mobilenet_v2", help="(mobilenet_v2)")
    parser.add_argument("--hybrid", default="fwht_mobilenet_v2", help="(fwht_mobilenet_v2)")
    parser.add_argument("--out", type=Path, help=f"folder for hybrids_http.json and hybrids_bulk.json ({RESULTS})")
    options = parser.parse_args(arguments)
    subprocess.run(["plugins/build_native.sh", "--quiet"], check=True)
    sides, folder = list_sides(options.baseline, options.hybrid), options.out or RESULTS
    if "http" in options.parts:
        rows = measure_http(sides, options)
        for row in rows:
            show(f"{row['connections']} connections, {row['settings']}: median ms of the starts (spread), share", row)
        results = {"rows": rows, "rounds": options.rounds, "seconds": options.seconds}
        print(f"written: {write_result('hybrids_http', results, folder / 'hybrids_http.json')}")
    if "bulk" in options.parts:
        bulk = {**measure_bulk_runs(sides, options), "rounds": options.bulk_rounds}
        show("bulk: images a second, median of the runs (spread), share", bulk)
        print(f"written: {write_result('hybrids_bulk', bulk, folder / 'hybrids_bulk.json')}")


if __name__ == "__main__":
    main()
