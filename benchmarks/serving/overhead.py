"""What each stage around an engine adds, on the same device: python -m benchmarks.serving.overhead [--backend tensorrt]

Four ways to the same label of the same 32x32 JPEG, one after another in turns, a lone client each:

    bare engine   the engine's call on the prepared image, in the engine's own thread
    in process    decode, preprocess, engine, softmax: `python -m server classify` without the start
    raw body      POST /v1/classify with the file as the body, to a server process on this machine
    form          the same as multipart, as curl -F sends it

Times are of the host's clock; CPU is processor time of the process that computes, all its threads, per request.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any, Callable

from benchmarks.harness.result_files import write_result
from benchmarks.harness.server_process import run_server
from benchmarks.serving.server import IMAGE, make_http_caller
from server.backends.choice import BACKENDS, Choice
from server.bench.images import encode_form
from server.models.images import decode
from server.models.model import Model, load_model
from server.models.preprocess import to_tensor
from server.profiling.turns import summarize
from server.stage_times import StageTimes

WARM_UP = 5
Call = Callable[[], Any]
Clock = Callable[[], float]


class Side:
    """One of the ways. call: a request; clock: processor seconds of who computes; run: calls a function where the call
    belongs."""

    def __init__(self, call: Call, clock: Clock, run: Callable[[Call], Any] = lambda work: work()) -> None:
        self.call, self.clock, self.run = call, clock, run
        self.times: list[float] = []
        self.cpu_s = 0.0

    def add_turn(self, seconds: float) -> None:
        """Add the milliseconds of as many calls as fit."""

        def work() -> None:
            for _ in range(WARM_UP):
                self.call()
            before, end = self.clock(), time.perf_counter() + seconds
            while time.perf_counter() < end:
                start = time.perf_counter()
                self.call()
                self.times.append(1000 * (time.perf_counter() - start))
            self.cpu_s += self.clock() - before

        self.run(work)

    def summarize(self) -> dict[str, Any]:
        return {**summarize(self.times), "cpu_ms": 1000 * self.cpu_s / len(self.times)}


def make_runner_in_engine_thread(model: Model) -> Callable[[Call], Any]:
    """Runs a function there and waits for it."""

    def run(work: Call) -> None:
        done = threading.Event()

        def finish() -> None:
            work()
            done.set()

        model.backend.start(finish)
        done.wait()

    return run


def make_sides(model: Model, port: int, server_cpu_s: Clock) -> dict[str, Side]:
    data = IMAGE.read_bytes()
    image = to_tensor(decode(data, model.preprocessing.size).image, model.preprocessing)[None]
    raw = make_http_caller(port, data, "image/jpeg")
    multipart = make_http_caller(port, *encode_form([data]))
    return {
        "bare engine": Side(lambda: model.backend.infer(image), time.process_time, make_runner_in_engine_thread(model)),
        "in process": Side(lambda: model.classify([data], 5, StageTimes()), time.process_time),
        "raw body": Side(raw, server_cpu_s),
        "form": Side(multipart, server_cpu_s),
    }


def check_labels(model: Model, found: dict[str, Side]) -> str:
    """The label that all ways give. Raises SystemExit where they differ: nothing is timed then."""
    labels = {"bare engine": model.labels[int(found["bare engine"].call().argmax())]}
    labels["in process"] = found["in process"].call()[0]["predictions"][0]["label"]
    for name in ("raw body", "form"):
        labels[name] = json.loads(found[name].call())["results"][0]["predictions"][0]["label"]
    if len(set(labels.values())) > 1:
        raise SystemExit(f"the labels differ, so nothing was timed: {labels}")
    return labels["form"]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    flags = ("--models", options.model, "--backend", options.backend, "--precision", options.precision)
    model = load_model(options.model, Choice(options.backend, options.precision))
    with run_server(*flags) as server:
        found = make_sides(model, server.port, server.tree.read_cpu_s)
        label = check_labels(model, found)
        for _ in range(options.rounds):
            for side in found.values():
                side.add_turn(options.seconds)
    times = {name: side.summarize() for name, side in found.items()}
    bare = times["bare engine"]["median_ms"]
    backend = model.backend
    about = {"model": model.name, "backend": backend.name, "precision": backend.precision, "label": label}
    model.close()
    return {**about, "times": times, "added_ms": {name: t["median_ms"] - bare for name, t in times.items()}}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.overhead", description="Engine, process, HTTP.")
    parser.add_argument("--model", default="fwht_mobilenet_v2", help="name of a model (%(default)s)")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="as FWHT_BACKEND (%(default)s)")
    parser.add_argument("--precision", default="auto", help="as FWHT_PRECISION (%(default)s)")
    parser.add_argument("--rounds", type=int, default=12, help="turns of each side (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="a turn (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file (build/bench/overhead-BACKEND-PRECISION.json)")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    found = measure(options)
    print(f"{found['model']} on {found['backend']}, {found['precision']}: median ms (p10 to p90), more than the bare")
    print("engine, CPU ms a request")
    for name, times in found["times"].items():
        spread = f"({times['p10_ms']:.3f} to {times['p90_ms']:.3f})"
        print(f"{name:12} {times['median_ms']:8.3f} {spread:20} {found['added_ms'][name]:+7.3f} {times['cpu_ms']:7.3f}")
    print(f"written: {write_result('overhead-{backend}-{precision}'.format(**found), found, options.out)}")


if __name__ == "__main__":
    main()
