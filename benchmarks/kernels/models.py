"""Time every shipped model on one core as the server runs it: python -m benchmarks.kernels.models

One image and 16 of the model's own size in ONNX Runtime, hybrids on the native kernels with their bottlenecks fused.
Before a model is timed its logits are compared with its golden ones; a model that is wrong ends the run. The models
take turns (server/profiling/turns.py).
"""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.cpu_library import LIBRARY, CpuLibrary
from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from benchmarks.kernels.cpu_layers import make_runner, open_session, read_model
from server.profiling.turns import Make, alternate

BASELINE = "mobilenet_v2"
BATCHES = (1, 16)


def list_models() -> list[str]:
    """The baseline first."""
    names = sorted(path.stem for path in Path("models").glob("*.onnx"))
    return [BASELINE, *(name for name in names if name != BASELINE)]


def read_golden(name: str) -> Any:
    return np.load(f"tests/data/{name}.golden.npz")


def check(name: str) -> float:
    """The largest difference to the golden logits. Raises SystemExit where it is too large."""
    golden = read_golden(name)
    session = open_session(read_model(name, True), 1, native=True)
    logits = np.asarray(session.run(None, {"image": golden["image"]})[0])
    largest = float(np.abs(logits - golden["logits"]).max())
    if not largest <= golden["tolerance"]:
        raise SystemExit(f"{name} is wrong: off by {largest:.2e}, {golden['tolerance']:.0e} allowed; nothing was timed")
    return largest


def measure_batch(names: list[str], batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """All models at one batch size, in turns."""
    sides: dict[str, Make] = {}
    for name in names:
        image = read_golden(name)["image"]
        x = np.resize(image, (batch, *image.shape[1:]))
        sides[name] = partial(make_runner, read_model(name, True), {"image": x}, 1, True)
    times = alternate(sides, rounds, seconds)
    base = times[BASELINE]["median_ms"]
    return {"batch": batch, "times": times, "ratio": {name: times[name]["median_ms"] / base for name in times}}


def main() -> None:
    options = parse_options("kernels.models", __doc__, rounds=10, seconds=0.3)
    subprocess.run(["plugins/build_native.sh"], check=True)
    instruction_set = CpuLibrary(LIBRARY.resolve()).text("instruction_set")
    names = list_models()
    differences = {name: check(name) for name in names}
    rows = []
    print(f"{instruction_set}; model, batch: median ms (p10 to p90), times the baseline's")
    for batch in BATCHES:
        rows.append(measure_batch(names, batch, options.rounds, options.seconds))
        for name, t in rows[-1]["times"].items():
            spread = f"({t['p10_ms']:.2f} to {t['p90_ms']:.2f})"
            print(f"{name:28} {batch:3} {t['median_ms']:8.2f} {spread:18} {rows[-1]['ratio'][name]:.2f}")
    results = {"instruction_set": instruction_set, "threads": 1, "largest_difference": differences, "rows": rows}
    print(f"written: {write_result('models', results, options.out)}")


if __name__ == "__main__":
    main()
