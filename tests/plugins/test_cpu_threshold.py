"""The CPU kernels' own tanh over the float32 values: what cpu_threshold.h says of its error."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from export.ops.contract import PLUGINS
from export.ops.float32_bounds import TANH
from tests.plugins.native import list_instruction_sets

FLAGS = ("-std=c++14", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-shared", "-fPIC", f"-I{PLUGINS}")
# flags, and what cpu_threshold.h says
SETS = {"baseline": ((), 6), "avx2": (("-mavx2", "-mfma"), 4), "avx512": (("-mavx512f",), 4), "neon": ((), 4)}
STEP = 1009  # between two values that are looked at


def bits_of(value: float) -> int:
    return int(np.float32(value).view(np.uint32))


@pytest.mark.parametrize("name", list_instruction_sets())
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_its_largest_error(name: str, tmp_path: Path) -> None:
    flags, promised = SETS[name]
    source, path = Path(__file__).with_name("cpu_threshold.cpp"), tmp_path / "threshold.so"
    vector = f'-DFWHT_VECTOR="vector_{name}.h"'
    subprocess.run(["g++", *FLAGS, *flags, vector, str(source), "-o", str(path)], check=True)
    library = ctypes.CDLL(str(path))
    library.largest_error.restype = ctypes.c_double
    library.largest_error.argtypes = [ctypes.c_uint32] * 3
    shares = [library.largest_error(bits_of(sign * 1e-30), bits_of(sign * 3e38), STEP) for sign in (1.0, -1.0)]
    print(f"{name}: {max(shares):.2f} units of 2^-24")
    assert max(shares) <= promised <= TANH
