"""A benchmark of the native CPU kernels, one run for each instruction set and number of threads: its options, its
conditions, and its result's name, which carries both.

options = make_parser("kernels.fwht_2d", __doc__, rounds=10, seconds=0.2).parse_args()
conditions = prepare_library(options.threads)
write_native_result("fwht_2d", conditions, {"rows": rows}, options.out)
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.harness.cpu_library import LIBRARY, CpuLibrary
from benchmarks.harness.result_files import RESULTS, write_result


def make_parser(module: str, purpose: str | None, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """threads, rounds, seconds, out. module: below `benchmarks`; purpose: its docstring, of which the head is shown."""
    name = module.rpartition(".")[2]
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(purpose or "").split(":")[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of every session (1)")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"turns of each side ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"seconds a turn ({seconds})")
    parser.add_argument("--out", type=Path, help=f"JSON file ({RESULTS}/{name}_<set>_<threads>.json)")
    return parser


def prepare_library(threads: int) -> dict[str, Any]:
    """Build the library where it is missing or old -> the conditions of the run, which are shown, too. The instruction
    set is the best of the machine, or FWHT_CPU's."""
    subprocess.run(["plugins/build_native.sh", "--quiet"], check=True)
    conditions = {"instruction_set": CpuLibrary(LIBRARY.resolve()).text("instruction_set"), "threads": threads}
    print(f"{conditions['instruction_set']}, {threads} threads: ms median (p10 to p90), times the median of the base")
    return conditions


def write_native_result(name: str, conditions: dict[str, Any], results: dict[str, Any], out: Path | None) -> Path:
    """Write to `out`, by default build/bench/<name>_<set>_<threads>.json."""
    path = out or RESULTS / f"{name}_{conditions['instruction_set']}_{conditions['threads']}.json"
    return write_result(name, {**conditions, **results}, path)
