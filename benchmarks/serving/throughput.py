"""How much of the throughput of an engine of a known speed the server delivers: python -m benchmarks.serving.throughput

The engine's call is stretched to 10 ms a batch (fixed_speed_server.py has the ways), about what a Jetson Nano needs.
The bare loop calls it again and again in its own thread with full batches. Against that: the server, a process of its
own, asked over HTTP on 32 connections, each of which sends the next request once its last is answered. The load tool
runs on the same cores. Labels are compared with the bare loop's before, and under load after each measurement.

At least 90 % of the bare loop is asked for, at each batch size, by one of the ways to send images.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import numpy as np

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import ServerProcess, run_server
from benchmarks.serving.fixed_speed_server import WAYS, slow_backends_down
from server.backends.choice import Choice
from server.bench.connection import connect, encode_request
from server.bench.images import encode_form, guess_media_type
from server.bench.load import Plan, generate_load
from server.bench.report import summarise_latency
from server.models.model import Model, load_model
from server.stage_times import StageTimes

IMAGES = sorted(Path("tests/data").glob("*.jpg"))
CONNECTIONS = 32
LEAST = 0.9
WARM_UP_S = 1.0
LABEL_ROUNDS = 10  # times that each image is asked for when labels are compared


def measure_bare_loop(model: Model, batch: int, seconds: float) -> float:
    """Images a second of the engine alone, called in its own thread."""
    preprocessing = model.preprocessing
    images = np.zeros((batch, 3, preprocessing.size, preprocessing.size), np.float32)
    model.backend.infer(images)
    counts: list[float] = []

    def loop() -> None:
        start = time.perf_counter()
        runs = 0
        while time.perf_counter() < start + seconds:
            model.backend.infer(images)
            runs += 1
        counts.append(runs * batch / (time.perf_counter() - start))

    model.backend.start(loop)
    while not counts:
        time.sleep(0.05)
    return counts[0]


def find_labels(model: Model) -> list[str]:
    results = [model.classify([path.read_bytes()], 1, StageTimes())[0] for path in IMAGES]
    return [str(result["predictions"][0]["label"]) for result in results]


@contextmanager
def run_fixed_speed_server(way: str, milliseconds: float, name: str, batch: int) -> Iterator[ServerProcess]:
    module = ("benchmarks.serving.fixed_speed_server", way, f"{milliseconds:g}", name)
    with run_server("--batch-limit", str(batch), "--max-waiting", str(2 * CONNECTIONS), module=module) as server:
        yield server


def make_requests(server: ServerProcess, kind: str, batch: int) -> tuple[list[bytes], list[list[int]]]:
    """Requests, and which images each of them has."""
    images = [path.read_bytes() for path in IMAGES]
    count = batch if kind == "form, full batches" else 1
    chosen = [[(first + step) % len(images) for step in range(count)] for first in range(len(images))]
    if kind == "raw body":
        return [encode_request(server.target, images[one], guess_media_type(images[one])) for (one,) in chosen], chosen
    return [encode_request(server.target, *encode_form([images[i] for i in indices])) for indices in chosen], chosen


async def count_wrong_labels(
    server: ServerProcess, requests: list[bytes], chosen: list[list[int]], labels: list[str]
) -> int:
    """How many answers are not as they should be, asked on all connections at once."""
    turns = iter([*zip(requests, chosen)] * LABEL_ROUNDS)
    wrong = 0

    async def client() -> None:
        nonlocal wrong
        connection = await connect(server.target)
        for request, indices in turns:
            answer = await connection.ask(request)
            results = json.loads(answer.body).get("results", [])
            found = [result["predictions"][0]["label"] for result in results]
            wrong += found != [labels[i] for i in indices]
        connection.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return wrong


def read_batches(server: ServerProcess) -> tuple[float, float]:
    """Images that were run so far, and runs."""
    with urllib.request.urlopen(f"http://{server.target.host}:{server.target.port}/metrics") as answer:
        text = answer.read().decode()
    found = (re.search(rf"fwht_batch_size_{part}{{[^}}]*}} (\S+)", text) for part in ("sum", "count"))
    total, count = (float(match[1]) if match else 0.0 for match in found)
    return total, count


def measure_turn(server: ServerProcess, kind: str, batch: int, labels: list[str], seconds: float) -> dict[str, Any]:
    requests, chosen = make_requests(server, kind, batch)
    wrong = asyncio.run(count_wrong_labels(server, requests, chosen, labels))
    asyncio.run(generate_load(server.target, requests, Plan(CONNECTIONS, seconds=WARM_UP_S)))
    before, cpu_s = read_batches(server), server.tree.read_cpu_s()
    outcomes = asyncio.run(generate_load(server.target, requests, Plan(CONNECTIONS, seconds=seconds)))
    cpu_s = server.tree.read_cpu_s() - cpu_s
    images, runs = (now - then for now, then in zip(read_batches(server), before))
    wrong += asyncio.run(count_wrong_labels(server, requests, chosen, labels))
    per_request = len(chosen[0])
    return {
        "sent_as": kind,
        "images_per_s": len(outcomes.good) * per_request / outcomes.seconds,
        "mean_batch": min(batch, images / runs) if runs else None,  # larger requests run in parts
        "cpu_ms_per_image": 1000 * cpu_s / max(1, len(outcomes.good) * per_request),
        "failed": outcomes.failed,
        "wrong_labels": wrong,
        "latency_ms": summarise_latency(outcomes.good),
    }


def measure(options: argparse.Namespace, batch: int) -> dict[str, Any]:
    model = load_model(options.model, options.choice)
    bare = measure_bare_loop(model, batch, options.seconds)
    labels = find_labels(model)
    model.close()
    rows = []
    with run_fixed_speed_server(options.way, options.ms, options.model, batch) as server:
        for kind in ("form", "raw body", "form, full batches"):
            row = measure_turn(server, kind, batch, labels, options.seconds)
            row["share"] = row["images_per_s"] / bare
            rows.append(row)
            print(
                f"{batch:3} {bare:8.0f} {row['images_per_s']:8.0f} {row['share']:7.1%} {row['mean_batch']:6.1f}"
                f" {row['cpu_ms_per_image']:7.2f}  {kind}",
                flush=True,
            )
    return {"batch": batch, "bare_images_per_s": bare, "rows": rows}


def find_problems(found: list[dict[str, Any]]) -> list[str]:
    wrong = []
    for entry in found:
        best = max(row["share"] for row in entry["rows"])
        if best < LEAST:
            wrong.append(f"batch {entry['batch']}: {best:.1%} of the bare loop, {LEAST:.0%} is asked for")
        wrong += [
            f"batch {entry['batch']}, {row['sent_as']}: {row['failed']} failed, {row['wrong_labels']} wrong"
            for row in entry["rows"]
            if row["failed"] or row["wrong_labels"]
        ]
    return wrong


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.throughput", description="Server against bare engine."
    )
    parser.add_argument("--way", choices=WAYS, default="stand-in", help="what computes (%(default)s)")
    parser.add_argument("--model", default="fwht_mobilenet_v2", help="name of a model (%(default)s)")
    parser.add_argument("--ms", type=float, default=10.0, help="milliseconds a batch (%(default)s)")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16], help="images a batch (4 8 16)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/throughput.json)")
    options = parser.parse_args()
    options.choice = Choice("onnxruntime" if options.way == "onnxruntime" else "tensorrt")
    return options


def main() -> None:
    options = parse_options()
    slow_backends_down(options.way, options.ms, [Path("models") / f"{options.model}.onnx"])
    print("batch, bare loop images/s, server images/s, share, mean batch, CPU ms an image; sent as")
    found = [measure(options, batch) for batch in options.batches]
    wrong = find_problems(found)
    settings = {"way": options.way, "model": options.model, "ms_per_batch": options.ms, "connections": CONNECTIONS}
    print(f"written: {write_result('throughput', {**settings, 'found': found, 'problems': wrong}, options.out)}")
    if wrong:
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
