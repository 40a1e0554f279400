"""How a launch of MFDepthwiseConv takes a task's number apart: in 32 bits by multipliers, in 64 bits by division."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.host import load_compiled

LARGEST = 2**30  # size of an image, or number of channels
MOST = 2**31  # tasks that are numbered in 32 bits
sizes = st.one_of(st.integers(1, 70), st.integers(1, LARGEST), st.integers(0, 30).map(lambda power: 2**power))


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    library = load_compiled(Path(__file__).parent / "mf_host.cpp")
    library.mf_divide.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    library.mf_place.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p]
    library.mf_place.restype = ctypes.c_bool
    return library


def check_divisor(library: ctypes.CDLL, divisor: int, drawn: np.random.Generator) -> None:
    """The numbers beside multiples of the divisor, where a quotient one off would show, up to the largest."""
    multiples = np.append(drawn.integers(0, MOST // divisor + 1, 500), [0, 1, MOST // divisor]) * divisor
    numbers = np.concatenate([multiples - 1, multiples, multiples + 1, drawn.integers(0, MOST, 100), [MOST - 1]])
    numbers = numbers[(numbers >= 0) & (numbers < MOST)].astype(np.uint32)
    quotients = np.empty_like(numbers)
    library.mf_divide(divisor, numbers.ctypes.data, quotients.ctypes.data, len(numbers))
    assert np.array_equal(quotients, numbers // np.uint32(divisor)), divisor


def test_small_divisors_and_those_beside_powers_of_two(library: ctypes.CDLL) -> None:
    drawn = np.random.default_rng(5)
    near = {2**power + step for power in range(31) for step in (-1, 0, 1)}
    for divisor in sorted(near | set(range(1, 300))):
        if 1 <= divisor <= LARGEST:
            check_divisor(library, divisor, drawn)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(divisor=sizes, seed=st.integers(0, 2**32))
def test_any_divisor(library: ctypes.CDLL, divisor: int, seed: int) -> None:
    check_divisor(library, divisor, np.random.default_rng(seed))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(inner=sizes, outer=sizes, count=st.one_of(st.integers(1, MOST), st.integers(MOST - 2, 10**18)), data=st.data())
def test_any_place(library: ctypes.CDLL, inner: int, outer: int, count: int, data: st.DataObject) -> None:
    """Up to 2^31 tasks in 32 bits, beyond in 64; the last number and any other."""
    for task in (count - 1, data.draw(st.integers(0, count - 1))):
        place = (ctypes.c_int64 * 4)()
        assert library.mf_place(count, inner, outer, task, place) == (count <= MOST)
        quotient, third = divmod(task, inner)
        assert tuple(place) == (*divmod(quotient, outer), third, quotient)


def test_where_32_bits_end(library: ctypes.CDLL) -> None:
    place = (ctypes.c_int64 * 4)()
    assert library.mf_place(MOST, 7, 5, MOST - 1, place) and place[0] == (MOST - 1) // 35
    assert not library.mf_place(MOST + 1, 7, 5, MOST, place) and place[0] == MOST // 35
