"""Products, and the float32 reciprocals that integer divisions begin with, in the machine code of sm_50 to sm_90."""

from __future__ import annotations

from typing import Callable

import numpy as np

from benchmarks.harness.sass_integers import (
    Handler,
    is_predicate,
    read_term,
    read_word,
    split_outputs,
)
from benchmarks.harness.sass_state import UNKNOWN, WORD, State, Value, Words, follow, make_signed
from benchmarks.harness.sass_text import Instruction

SHIFT = np.uint64(32)


def multiply_add(state: State, instruction: Instruction) -> None:
    """IMAD: a * b + c; WIDE with both words of c and of the result, HI the high one. X adds a carry."""
    target, carries, inputs = split_outputs(instruction.operands)
    kinds = instruction.kinds
    incoming = [state.read_predicate(operand) for operand in inputs if is_predicate(operand)]
    a, b, c = [operand for operand in inputs if not is_predicate(operand)][:3]
    if not {"WIDE", "HI"} & set(kinds):
        terms = [read_word(state, a), read_word(state, b), read_term(state, c, "X" in kinds), *incoming]
        state.write_register(
            target, [follow(lambda x, y, z, *more: (multiply_low(x, y) + z + sum(more)) & WORD, *terms)]
        )
        return
    signed = "U32" not in kinds
    low, high = (read_word(state, c), read_above(state, c))
    terms = [read_word(state, a), read_word(state, b), low, high, *incoming]

    def multiply(x: Words, y: Words, z: Words, top: Words, *more: Words) -> list[Words]:
        words = [(make_signed(word) if signed else word).astype(np.int64).astype(np.uint64) for word in (x, y)]
        product = words[0] * words[1]
        added = top.astype(np.uint64) << SHIFT | z.astype(np.uint64)
        result = product + added
        overflow = (result < product).astype(np.int64)
        for one in more:
            overflow += ((result := result + one.astype(np.uint64)) < one.astype(np.uint64)).astype(np.int64)
        return [(result & np.uint64(WORD)).astype(np.int64), (result >> SHIFT).astype(np.int64), overflow]

    words = follow_all(multiply, terms)
    state.write_register(target, words[1:2] if "HI" in kinds else words[:2])
    for carry in carries[:1]:
        state.write(carry, words[2])


def multiply_low(x: Words, y: Words) -> Words:
    """The low 32 bits of a product of words."""
    return ((x & 0xFFFF) * y + ((x >> 16) * (y & 0xFFFF) << 16)) & WORD


def read_above(state: State, operand: str) -> Value:
    """The word after the one that the operand names."""
    return state.read(operand.lstrip("-~"), 1)


def follow_all(function: Callable[..., list[Words]], operands: list[Value]) -> list[Value]:
    """`follow` for a function of three results."""
    if any(operand is None for operand in operands):
        return [None, None, None]
    known = np.broadcast_arrays(*(np.asarray(operand) for operand in operands))
    unknown = np.any([operand < 0 for operand in known], axis=0)
    return [np.where(unknown, UNKNOWN, result) for result in function(*(np.maximum(o, 0) for o in known))]


def multiply_halves(state: State, instruction: Instruction) -> None:
    """XMAD of Maxwell, 16 x 16 + 32 bits. MRG puts the low half of b above the result's, CBCC adds b << 16, CSFU takes
    the signs of the two mixed products out of the high word of a signed one."""
    target, a, b, c = instruction.operands
    kinds = instruction.kinds
    signs = [kind == "S16" for kind in kinds if kind in ("S16", "U16")] or [False, False]
    uppers = [operand.endswith(".H1") for operand in (a, b)]
    words = [read_word(state, operand.replace(".H1", "")) for operand in (a, b)]

    def multiply(x: Words, y: Words, c: Words) -> Words:
        halves = [word >> 16 if upper else word & 0xFFFF for word, upper in zip((x, y), uppers)]
        left, right = ((half ^ 0x8000) - 0x8000 if sign else half for half, sign in zip(halves, signs))
        product = left * right
        if "PSL" in kinds:
            product = product << 16
        added = c >> 16 if "CHI" in kinds else c & 0xFFFF if "CLO" in kinds else c
        if "CBCC" in kinds:
            added = added + (y << 16)
        if "CSFU" in kinds:
            mixed = (x >> 31) * (y & 0xFFFF != 0) + (y >> 31) * (x & 0xFFFF != 0)
            added = added - (mixed << 16)
        result = product + added & WORD
        return (result & 0xFFFF) | (y & 0xFFFF) << 16 if "MRG" in kinds else result

    state.write_register(target, [follow(multiply, *words, read_word(state, c))])


def to_bits(values: Words) -> Words:
    return np.asarray(values, np.float32).view(np.uint32).astype(np.int64)


def from_bits(words: Words) -> Words:
    return np.asarray(words, np.int64).astype(np.uint32).view(np.float32)


def read_number(state: State, operand: str, words: int, signed: bool) -> Value:
    """An integer of one or two words as int64; 64-bit ones are below 2^63 here."""
    low = read_word(state, operand)
    if words == 2:
        return follow(lambda x, y: y << 32 | x, low, read_above(state, operand))
    return follow(make_signed, low) if signed and low is not None else low


def to_float(state: State, instruction: Instruction) -> None:
    """I2F of an integer that is not negative, rounded up (RP) or to the nearest; I2FP, its successor, of any word."""
    target, operand = instruction.operands[:2]
    value = read_number(state, operand, 2 if "U64" in instruction.kinds else 1, signed=False)
    signed = instruction.name == "I2FP" and "S32" in instruction.kinds

    def convert(x: Words) -> Words:
        nearest = np.asarray(make_signed(x) if signed else x, np.float32)
        if "RP" in instruction.kinds:
            nearest = np.where(nearest.astype(np.float64) < x, np.nextafter(nearest, np.float32(np.inf)), nearest)
        return to_bits(nearest)

    state.write_register(target, [follow(convert, value)])


def invert(state: State, instruction: Instruction) -> None:
    """MUFU.RCP; divisions correct whatever its last bit is. Other functions of the unit are not followed."""
    target, operand = instruction.operands[:2]
    if "RCP" not in instruction.kinds or operand[0] != "R":
        state.write_register(target, [None])
        return

    def divide(x: Words) -> Words:
        with np.errstate(all="ignore"):
            return to_bits(np.float32(1) / from_bits(x))

    state.write_register(target, [follow(divide, state.read(operand))])


def to_integer(state: State, instruction: Instruction) -> None:
    """F2I of a positive value, cut off; beyond the largest integer it stays there."""
    target, operand = instruction.operands[:2]
    words = 2 if "U64" in instruction.kinds else 1
    if "TRUNC" not in instruction.kinds or not {"U32", "U64"} & set(instruction.kinds) or operand[0] != "R":
        state.write_register(target, [None] * words)
        return

    def cut(x: Words) -> list[Words]:
        most = 2.0**32 - 1 if words == 1 else np.nextafter(2.0**64, 0)
        number = np.minimum(from_bits(x).astype(np.float64), most).astype(np.uint64)
        return [(number >> np.uint64(32 * word)).astype(np.int64) & WORD for word in range(3)]

    state.write_register(target, follow_all(cut, [state.read(operand)])[:words])


def take_magnitude(state: State, instruction: Instruction) -> None:
    """IABS; I2I of Maxwell with |x|."""
    target, operand = instruction.operands
    bare = operand.strip("|")
    if instruction.name == "I2I" and bare == operand:
        state.write_register(target, [None])
        return
    state.write_register(target, [follow(lambda x: np.abs(make_signed(x)), state.read(bare))])


PRODUCTS: dict[str, Handler] = {
    **dict.fromkeys(("IMAD", "UIMAD"), multiply_add),
    "XMAD": multiply_halves,
    **dict.fromkeys(("I2F", "I2FP"), to_float),
    "F2I": to_integer,
    "MUFU": invert,
    **dict.fromkeys(("IABS", "I2I"), take_magnitude),
}
