"""The bulk classifier against the bare session: python -m benchmarks.serving.bulk

Bare: ONNX Runtime's session with its own defaults and a thread per core, run again and again on batches that lie ready
in memory, by a process that does nothing else. Bulk: `python -m server.bulk` on a folder of the same images as files,
which it reads, decodes, preprocesses, runs in batches of the same size and writes as Parquet, in processes of one
thread each, Ray's own beside them. Its images per second are counted twice: from the first worker's begin to the last
part written, and over the whole command, the start of Python, Ray and the models included. The sides take turns, both
at the same priority (Ray would give its workers a lower one).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks.harness.result_files import write_result
from benchmarks.serving.bulk_images import PACK, write_images
from server.backends.choice import Choice
from server.bulk.source import Folder
from server.models.model import load_model
from server.models.model_files import find_model
from server.profiling.machine import list_cpus
from server.stage_times import StageTimes

LEAST = 0.85
PREPARED = 1024  # images in memory
WARM_UP = 3  # batches


def measure_bare(folder: Path, model: str, batch: int, cores: int, seconds: float) -> float:
    """Images a second."""
    source, loaded = Folder(folder), load_model(model, Choice("onnxruntime"))
    files = [source.read(name) for name in source.list_names()[:PREPARED]]
    batches = [loaded.prepare(files[begin : begin + batch], StageTimes())[0] for begin in range(0, len(files), batch)]
    loaded.close()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    session = onnxruntime.InferenceSession(str(find_model(model)), options, providers=["CPUExecutionProvider"])
    for images in batches[:WARM_UP]:
        session.run(None, {"image": images})
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for images in batches:
            session.run(None, {"image": images})
            count += len(images)
    return count / (time.perf_counter() - start)


def measure_bare_in_process(*arguments: Any) -> float:
    """`bare` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.serving.bulk", "--bare", *map(str, arguments)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure_bulk(folder: Path, model: str, batch: int, native: str | None = None) -> dict[str, float]:
    """Images a second, of the work and of the whole command; native: FWHT_NATIVE. Raises SystemExit where not all have
    their row."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "server.bulk", str(folder), output, "--model", model, "--batch", str(batch)]
        environment = {**os.environ, "RAY_worker_niceness": "0"}
        if native is not None:
            environment["FWHT_NATIVE"] = native
        start = time.perf_counter()
        done = subprocess.run([*command, "--json"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
        whole = time.perf_counter() - start
    found = json.loads(done.stdout)
    if found["left"] or found["bad"]:
        raise SystemExit(f"images without a row or bad: {found}")
    return {"work": found["images"] / found["seconds"], "whole": found["images"] / whole}


def measure(folder: Path, options: Any) -> dict[str, Any]:
    samples: dict[str, list[float]] = {"bare": [], "work": [], "whole": []}
    cores = len(list_cpus())
    for turn in range(options.rounds):
        samples["bare"].append(measure_bare_in_process(folder, options.model, options.batch, cores, options.seconds))
        found = measure_bulk(folder, options.model, options.batch)
        samples["work"].append(found["work"])
        samples["whole"].append(found["whole"])
        print(f"{turn}: " + ", ".join(f"{name} {rates[-1]:.0f}/s" for name, rates in samples.items()), flush=True)
    medians = {name: statistics.median(rates) for name, rates in samples.items()}
    shares = {name: medians[name] / medians["bare"] for name in ("work", "whole")}
    return {"cores": cores, "per_s": medians, "shares": shares, "samples_per_s": samples}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.bulk", description="Bulk against the bare session."
    )
    parser.add_argument("--rounds", type=int, default=4, help="turns of each side (4)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the bare session a turn (5)")
    parser.add_argument("--images", type=int, default=60_000, help="that bulk classifies a turn (60000)")
    parser.add_argument("--data", type=Path, default=PACK, help=f"packed file they are of ({PACK})")
    parser.add_argument("--model", default="fwht_mobilenet_v2", help="(fwht_mobilenet_v2)")
    parser.add_argument("--batch", type=int, default=4, help="images of one run (4)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/bulk.json)")
    parser.add_argument("--bare", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        folder, model, batch, cores, seconds = options.bare
        print(measure_bare(Path(folder), model, int(batch), int(cores), float(seconds)))
        return
    with tempfile.TemporaryDirectory() as images:
        write_images(Path(images), options.images, options.data)
        results = measure(Path(images), options)
    results.update(model=options.model, batch=options.batch, images=options.images, rounds=options.rounds)
    results["held"] = results["shares"]["work"] >= LEAST
    shares = ", ".join(f"{name} {share:.2f}" for name, share in results["shares"].items())
    print(f"share of the bare session's {results['per_s']['bare']:.0f}/s: {shares}; held {results['held']}")
    print(f"written: {write_result('bulk', results, options.out)}")
    if not results["held"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
