"""Time whole models in ONNX Runtime, the hybrids against the baseline: python -m benchmarks.kernels.models

Batch 1 and 16, two threads. Before a model is timed its logits are compared with its golden ones; a model that is wrong
ends the run. See server/profiling/turns.py for the method.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import onnxruntime

from benchmarks.harness.result_files import write_result
from benchmarks.harness.timing import parse_options
from server.profiling.turns import alternate

BASELINE = "mobilenet_v2"
HYBRIDS = ("fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")
THREADS = 2


def open_session(name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(f"models/{name}.onnx", options, providers=["CPUExecutionProvider"])


def check(name: str) -> float:
    """The largest difference to the golden logits. Raises SystemExit where it is too large."""
    golden = np.load(f"tests/data/{name}.golden.npz")
    (logits,) = open_session(name).run(None, {"image": golden["image"]})
    largest = float(np.abs(logits - golden["logits"]).max())
    if not largest <= golden["tolerance"]:
        raise SystemExit(f"{name} is wrong: off by {largest:.2e}, {golden['tolerance']:.0e} allowed; nothing was timed")
    return largest


def make_runner(name: str, x: np.ndarray) -> Callable[[], object]:
    running = open_session(name)
    return lambda: running.run(None, {"image": x})


def measure_batch(batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """All models at one batch size, in turns."""
    images = np.load(f"tests/data/{BASELINE}.golden.npz")["image"]
    x = np.resize(images, (batch, *images.shape[1:]))
    times = alternate({n: (lambda n=n: make_runner(n, x)) for n in (BASELINE, *HYBRIDS)}, rounds, seconds)  # type: ignore[misc]
    base = times[BASELINE]["median_ms"]
    return {"batch": batch, "times": times, "ratio": {name: times[name]["median_ms"] / base for name in times}}


def main() -> None:
    options = parse_options("kernels.models", __doc__, rounds=10, seconds=0.3)
    differences = {name: check(name) for name in (BASELINE, *HYBRIDS)}
    rows = []
    print("model, batch: median ms (p10 to p90), times the baseline's")
    for batch in (1, 16):
        rows.append(measure_batch(batch, options.rounds, options.seconds))
        for name, t in rows[-1]["times"].items():
            spread = f"({t['p10_ms']:.2f} to {t['p90_ms']:.2f})"
            print(f"{name:24} {batch:3} {t['median_ms']:8.2f} {spread:18} {rows[-1]['ratio'][name]:.2f}")
    results = {"threads": THREADS, "largest_difference": differences, "rows": rows}
    print(f"written: {write_result('models', results, options.out)}")


if __name__ == "__main__":
    main()
