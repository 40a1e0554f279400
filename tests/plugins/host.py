"""Device functions compiled for the host: building them, and memory that shows what they should not touch."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.kept_builds import compile_once

GUARD = 256  # bytes beside a tensor, a multiple of 16
POISON = 0xFF  # in every byte: NaN in float32 and float16
FLAGS = ("-std=c++14", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


def load_compiled(*sources: Path) -> ctypes.CDLL:
    """A library made of C++ sources; skips the test where there is no g++."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++: apt install g++")
    name = f"{sources[0].stem}.so"
    return ctypes.CDLL(str(compile_once(name, "g++", *FLAGS, *map(str, sources), inputs=sources)))


class Memory:
    """The bytes of a tensor, on an address divisible by 16, between two guards; all of it is poisoned."""

    def __init__(self, size: int) -> None:
        spare = np.full(size + 2 * GUARD + 16, POISON, np.uint8)
        self.bytes = spare[-spare.ctypes.data % 16 :][: size + 2 * GUARD]
        self.inside = self.bytes[GUARD : GUARD + size]

    @classmethod
    def of(cls, values: np.ndarray) -> Memory:
        memory = cls(values.nbytes)
        memory.inside[:] = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
        return memory

    @property
    def pointer(self) -> int:
        return self.inside.ctypes.data

    def guards_hold(self) -> bool:
        return bool((self.bytes[:GUARD] == POISON).all() and (self.bytes[-GUARD:] == POISON).all())
