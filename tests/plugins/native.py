"""The library of CPU kernels for tests: built by `make native` if it is not there or not from these sources."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

from benchmarks.harness.cpu_library import LIBRARY, CpuLibrary, load_libraries

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = ("c++", "g++", "clang++")


def build_library() -> Path:
    """Its path; skips the test where there is no C++ compiler."""
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("needs a C++ compiler: apt install g++")
    return _build()


@lru_cache(maxsize=None)
def _build() -> Path:
    environment = {key: value for key, value in os.environ.items() if key != "FWHT_CPU"}
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / ".native.lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["plugins/build_native.sh"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return ROOT / LIBRARY


def list_instruction_sets() -> list[str]:
    """Those that this machine has, as Linux tells them; known before the library is built."""
    if platform.machine() != "x86_64":
        return ["neon", "baseline"] if platform.machine() == "aarch64" else ["baseline"]
    flags = set(Path("/proc/cpuinfo").read_text().split())
    needed = {"avx512": {"avx512f", "avx512dq", "avx512bw", "avx512vl"}, "avx2": {"avx2", "fma"}, "baseline": set()}
    return [name for name, wanted in needed.items() if wanted <= flags]


@lru_cache(maxsize=None)
def native_libraries() -> dict[str, CpuLibrary]:
    """One for each instruction set of this machine."""
    return load_libraries(build_library())
