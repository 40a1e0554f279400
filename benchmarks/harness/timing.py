"""The options of a benchmark that measures in turns (server/profiling/turns.py).

options = parse_options("kernels.models", __doc__, rounds=10, seconds=0.3)
rows = alternate({"convolution": make_a, "FWHT layer": make_b}, options.rounds, options.seconds)
write_result("models", {"rows": rows}, options.out)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.harness.result_files import RESULTS


def parse_options(module: str, purpose: str | None, rounds: int, seconds: float) -> argparse.Namespace:
    """The options of a benchmark that alternates: rounds, seconds, out. module: below `benchmarks`; purpose: its
    docstring, of which the head is shown."""
    name = module.rpartition(".")[2]
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(purpose or "").split(":")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of each side ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"seconds a turn ({seconds})")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS / name}.json)")
    return parser.parse_args()
