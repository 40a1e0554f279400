"""What a step frees stays with the process: page faults are counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.export.train.training_runs import ROOT

COUNT = """
import ctypes, resource, sys
from export.train.memory import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "keep" else False
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes, size = ctypes.c_void_p, [ctypes.c_void_p], 64 << 20
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = libc.malloc(ctypes.c_size_t(size))  # more than glibc ever keeps by itself
    ctypes.memset(block, 1, size)
    libc.free(block)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_freed_blocks_are_not_cleared_anew() -> None:
    """64 MiB are 16,384 pages: once with, ten times without; of huge pages 32."""
    faults = {}
    for how in ("keep", "leave"):
        words = [sys.executable, "-c", COUNT, how]
        kept, count = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        faults[how] = int(count)
        assert kept == str(how == "keep")
    assert faults["keep"] < 0.3 * faults["leave"]
