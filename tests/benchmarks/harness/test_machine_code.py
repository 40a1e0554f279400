"""Machine code that ptxas made of known integer functions gives their results when it is followed.

tests/data/machine_code/integers.cu was compiled for every architecture that instructions are counted for, with NVRTC
and ptxas 12.9 and nvdisasm 12.8; each of its results is compared with Python's for every thread of a block.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.machine_code import follow_block, make_constants
from benchmarks.harness.sass_handlers import HANDLERS
from benchmarks.harness.sass_state import State
from benchmarks.harness.sass_text import Code, Instruction, parse_kernels

DATA = Path(__file__).parents[2] / "data" / "machine_code"
ARCHITECTURES = (53, 72, 87, 90)
THREADS = 64
SMALL, LARGE = 0x10000, 0x20000  # addresses of the results
ADDRESS = re.compile(r"\[R(\d+)(?:\.64)?(?:\+(0x[0-9a-f]+))?\]$")
WORDS = {"64": 2, "128": 4}


class Parameters(ctypes.Structure):
    _fields_ = [
        ("a", ctypes.c_int),
        ("b", ctypes.c_int),
        ("c", ctypes.c_int64),
        ("d", ctypes.c_int64),
        ("e", ctypes.c_uint),
        ("f", ctypes.c_uint),
        ("small", ctypes.c_uint64),
        ("large", ctypes.c_uint64),
    ]


CASES = [
    Parameters(1000, 7, 10**12 + 12345, 977, 4_000_000_000, 13, SMALL, LARGE),
    Parameters(300, 64, 5, 2**40 + 3, 17, 4_294_967_295 - 70, SMALL, LARGE),
    Parameters(12, 5, 2**31 + 11, 2**31 - 100, 2**31, 1, SMALL, LARGE),
    Parameters(-1000, 7, -(10**12), 977, 4_000_000_000, 13, SMALL, LARGE),
    Parameters(-70_000, 65_536, -5, -300, 5, 3, SMALL, LARGE),
    Parameters(2_000_000_000, 1_999_999_999, 2**62, 3, 1, 2**31, SMALL, LARGE),
]


def cut(quotient: int, divisor: int) -> int:
    """C's division, towards 0."""
    return abs(quotient) // abs(divisor) * (1 if (quotient < 0) == (divisor < 0) else -1)


def wrap(value: int, bits: int) -> int:
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def compute(p: Parameters, t: int) -> dict[int, int]:
    """integers.cu in Python, by address."""
    a, b, c, d, e, f = p.a, p.b, p.c, p.d, p.e, p.f
    i = wrap(a + 37 * t, 32)
    u = i % 2**32
    least, most = min(i, wrap(b * t, 32)), max(i, wrap(b * t, 32))
    small = [cut(i, b), i - cut(i, b) * b, u // f, e % ((f + t) % 2**32), i * b >> 32, e * u >> 32, i >> (t & 7)]
    small += [e >> (t & 15), i << (t % 5), least, most, (i ^ b) & ~t | (e & 0xFF00), min(i, b), abs(b - i)]
    s = sum(k if k & 1 else -3 for k in range(t, a, b))
    small += [s, 11 if (t >= 5 and i < wrap(a * 3, 32)) or e == f else 22]
    if t & 1:
        if i > wrap(3 * b, 32):
            s = 5
        else:
            for k in range(t):
                s = s * 3 + k
    small.append(s)
    large = [cut(c + t, d + t), (c + t) - cut(c + t, d) * d, c * d + i, i * b + c, c >> (t % 40), c - d << 3]
    large += [c % 2**64 // f, c if c < d + i else d, a * t - c, cut(c + 7, 8) * 8]
    results = {SMALL + 4 * place: value % 2**32 for place, value in enumerate(small)}
    for place, value in enumerate(large):
        results[LARGE + 8 * place] = value % 2**32
        results[LARGE + 8 * place + 4] = value % 2**64 >> 32
    return results


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, np.ndarray]]:
    """What the code that is followed writes to memory, by address."""
    written: dict[int, np.ndarray] = {}

    def record(state: State, instruction: Instruction) -> None:
        target, source = instruction.operands
        found = ADDRESS.search(target)
        assert found is not None, instruction
        lanes = np.ones(state.threads, bool) if state.lanes is None else state.lanes
        base = np.broadcast_to(np.asarray(state.read(f"R{found[1]}")), lanes.shape)
        assert np.all(base[lanes] == np.max(base[lanes])), (base, instruction)
        words = next((WORDS[kind] for kind in instruction.kinds if kind in WORDS), 1)
        for step, word in enumerate(state.read_words(source, words)):
            address = int(np.max(base[lanes])) + int(found[2] or "0", 16) + 4 * step
            old = written.get(address, np.full(state.threads, -1))
            written[address] = np.where(lanes, -1 if word is None else word, old)

    monkeypatch.setitem(HANDLERS, "STG", record)
    yield written


def read_code(architecture: int) -> Code:
    ((_, code),) = parse_kernels((DATA / f"integers_{architecture}.sass").read_text())
    return code


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_integers(architecture: int, case: int, stores: dict[int, np.ndarray]) -> None:
    constants = make_constants(architecture, bytes(CASES[case]), THREADS, 1)
    run = follow_block(read_code(architecture), constants, THREADS, 0)
    assert not run.groups
    for thread in range(THREADS):
        wanted = compute(CASES[case], thread)
        found = {address: int(value[thread]) for address, value in stores.items()}
        assert found == wanted, (thread, {hex(a): (found.get(a), v) for a, v in wanted.items() if found.get(a) != v})
