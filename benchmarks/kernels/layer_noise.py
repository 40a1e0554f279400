"""How often the layer diff blames noise on a model: python -m benchmarks.kernels.layer_noise

A model is loaded twice and compared with itself, in turns as `make compare` does, and as two files that were measured
one right after the other, each pair read in both directions. Whatever is "above" is a false alarm.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.harness.result_files import RESULTS, write_result
from server.backends.choice import Choice
from server.layers.commands import IMAGE
from server.layers.diff import diff
from server.layers.read_side import parse_report
from server.layers.rounds import ROUNDS, measure_rounds
from server.models.model import load_model
from server.profiling.report import LayerReport

MODELS = ("mobilenet_v2", "fwht_mobilenet_v2")
LIMITS = (0.0, 0.05, 0.1)
SPREAD = 0.05


def measure_pairs(name: str, pairs: int) -> list[list[LayerReport]]:
    """Two reports of the same model for each pair, their rounds in turns."""
    files = [IMAGE.read_bytes()]
    found = []
    for pair in range(pairs):
        twins = [load_model(name, Choice("onnxruntime")) for _ in range(2)]
        try:
            found.append(measure_rounds(twins, files))
        finally:
            for twin in twins:
                twin.close()
        print(f"{name}: pair {pair + 1} of {pairs}", flush=True)
    return found


def count_alarms(pairs: list[tuple[LayerReport, LayerReport]], paired: bool) -> dict[str, Any]:
    """What is above each limit, and how many comparisons are not judged because their times are noisy."""
    result: dict[str, Any] = {
        "comparisons": 2 * len(pairs),
        "not_judged": 0,
        "above": {str(limit): 0 for limit in LIMITS},
    }
    for pair in pairs:
        for a, b in (pair, pair[::-1]):
            sides = (parse_report("A", a, SPREAD), parse_report("B", b, SPREAD))
            result["not_judged"] += diff(*sides, 0.0, paired).noisy is not None
            for limit in LIMITS:
                found = diff(*sides, limit, paired)
                result["above"][str(limit)] += bool(found.above) and found.noisy is None
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels.layer_noise", description=__doc__)
    parser.add_argument("--pairs", type=int, default=16, help="of each model (16)")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS / 'layer_noise.json'})")
    options = parser.parse_args()
    in_turns, files = [], []
    for name in MODELS:
        found = measure_pairs(name, options.pairs)
        in_turns += [(a, b) for a, b in found]
        files += [(one[0], other[0]) for one, other in zip(found, found[1:])]
    result = {
        "models": MODELS,
        "rounds": ROUNDS,
        "in_turns": count_alarms(in_turns, paired=True),
        "two_files": count_alarms(files, paired=False),
    }
    for key in ("in_turns", "two_files"):
        print(key, result[key])
    print(f"written: {write_result('layer_noise', result, options.out)}")


if __name__ == "__main__":
    main()
