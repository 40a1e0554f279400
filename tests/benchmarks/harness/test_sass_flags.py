"""Maxwell's bit fields and flags, and instructions of newer boards, which no known integer function made ptxas use."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.harness.sass_run import Run
from benchmarks.harness.sass_state import State
from benchmarks.harness.sass_text import Code, SassError, parse_instruction

THREADS = 32
ONE, TWO = 0x3F800000, 0x40000000  # float32


def follow(lines: list[str], values: dict[str, np.ndarray | None]) -> Run:
    """EXIT stands at 0x100; `(.there) is its label."""
    texts = [*lines, "EXIT"]
    addresses = [8 * place for place in range(len(lines))] + [0x100]
    instructions = [parse_instruction(address, text, False) for address, text in zip(addresses, texts)]
    state = State(THREADS, {})
    state.values.update(values)
    run = Run(Code(instructions, {".there": 0x100}, b""), state)
    run.follow()
    return run


@pytest.mark.parametrize(("kind", "signed"), [("", True), (".U32", False)])
@pytest.mark.parametrize(("place", "width"), [(30, 1), (0, 8), (5, 27), (0, 32), (7, 0)])
def test_a_field_of_bits(kind: str, signed: bool, place: int, width: int) -> None:
    words = np.random.default_rng(width).integers(0, 2**32, THREADS)
    found = follow([f"BFE{kind} R1, R0, {hex(width << 8 | place)}"], {"R0": words}).state.values["R1"]
    for word, field in zip(words.tolist(), found.tolist()):  # type: ignore[union-attr]
        wanted = (word >> place) % 2**width
        if signed and width and wanted >> width - 1:
            wanted -= 2**width
        assert field == wanted % 2**32


def test_a_branch_by_flags_goes_where_the_comparison_holds() -> None:
    """Of the threads that have P0, too."""
    even = np.arange(THREADS) % 2
    low = np.where(np.arange(THREADS) < 16, ONE, TWO)
    run = follow(
        ["FSET.EQ.AND RZ.CC, R0, 1, PT", "@P0 BRA CC.NEU, `(.there)", "MOV R1, 0x7"],
        {"R0": low, "P0": even, "R1": np.zeros(THREADS, np.int64)},
    )
    branched = (even == 1) & (low == ONE)
    assert np.array_equal(run.state.values["R1"], np.where(branched, 0, 7))  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "signed"), [("S32", True), ("U32", False)])
def test_a_word_as_float32(kind: str, signed: bool) -> None:
    words = np.random.default_rng(0).integers(0, 2**32, THREADS)
    found = follow([f"I2FP.F32.{kind} R1, R0"], {"R0": words}).state.values["R1"]
    numbers = words.astype(np.uint32).view(np.int32) if signed else words
    assert np.array_equal(found, numbers.astype(np.float32).view(np.uint32))  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "signed"), [("", True), (".U32", False)])
@pytest.mark.parametrize(("predicate", "choose"), [("PT", np.minimum), ("!PT", np.maximum)])
def test_the_smaller_or_larger_of_a_sum_and_a_word(kind: str, signed: bool, predicate: str, choose: np.ufunc) -> None:
    a, b, c = np.random.default_rng(0).integers(0, 2**32, (3, THREADS))
    registers = {"R0": a, "R1": b, "R2": c}
    found = follow([f"VIADDMNMX{kind} R3, R0, R1, R2, {predicate}"], registers).state.values["R3"]
    total, word = ((value % 2**32).astype(np.uint32).view(np.int32 if signed else np.uint32) for value in (a + b, c))
    assert np.array_equal(found, choose(total, word).view(np.uint32))  # type: ignore[arg-type]


def test_flags_of_an_unknown_comparison_are_data() -> None:
    """A warp then goes both ways; flags that nothing known wrote decide nothing."""
    lines = ["BRA CC.NEU, `(.there)", "MOV R1, 0x7"]
    run = follow(["FSET.EQ.AND RZ.CC, R0, 1, PT", *lines], {"R0": None, "CZ": np.int64(1)})
    assert run.counts[2] == 1 and run.counts[3] == 1
    with pytest.raises(SassError, match="which threads branch"):
        follow(lines, {})


def test_a_condition_that_is_not_known_is_an_error() -> None:
    with pytest.raises(SassError, match="CC.CSM_TA is not followed"):
        follow(["BRA CC.CSM_TA, `(.there)"], {})


def test_a_second_predicate_must_be_known_in_the_threads_that_ask_it() -> None:
    """Elsewhere it may be anything, as where the others have left before it was written."""
    asking = np.arange(THREADS) % 2
    unknown = np.where(asking == 1, np.arange(THREADS) < 16, -1)
    lines = ["@P0 BRA !P1, `(.there)", "MOV R1, 0x7"]
    run = follow(lines, {"P0": asking, "P1": unknown, "R1": np.zeros(THREADS, np.int64)})
    branched = (asking == 1) & (unknown == 0)
    assert np.array_equal(run.state.values["R1"], np.where(branched, 0, 7))  # type: ignore[arg-type]
    with pytest.raises(SassError, match="which threads branch"):
        follow(lines, {"P0": np.int64(1), "P1": unknown})
