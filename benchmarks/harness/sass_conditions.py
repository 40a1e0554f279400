"""Comparisons, bit logic and selection in the machine code of sm_50 to sm_90."""

from __future__ import annotations

import functools
import itertools
from typing import Callable

import numpy as np

from benchmarks.harness.sass_integers import Handler, is_predicate, read_word, split_outputs
from benchmarks.harness.sass_state import ONE, UNKNOWN, WORD, ZERO, ZEROS, State, Value, Words, follow, make_signed
from benchmarks.harness.sass_text import Instruction

COMPARISONS: dict[str, Callable[[Words, Words], Words]] = {
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
    "EQ": np.equal,
    "NE": np.not_equal,
}
COMBINATIONS: dict[str, Callable[[Words, Words], Words]] = {
    "AND": np.bitwise_and,
    "OR": np.bitwise_or,
    "XOR": np.bitwise_xor,
}
LUT_INPUTS = (0xF0, 0xCC, 0xAA)


def combine(name: str, a: Value, b: Value) -> Value:
    """AND and OR know their result from one side where that decides."""
    decisive = {"AND": 0, "OR": 1}.get(name)
    for one, other in ((a, b), (b, a)):
        if one is None and other is not None and decisive is not None and np.all(other == decisive):
            return other
    if a is None or b is None:
        return None
    result = COMBINATIONS[name](a, b)
    unknown = (a < 0) | (b < 0)
    if decisive is not None:
        unknown = unknown & (a != decisive) & (b != decisive)
        result = np.where((a == decisive) | (b == decisive), decisive, result)
    return np.where(unknown, -1, result)


def find_kind(instruction: Instruction, names: dict[str, Callable[..., Words]]) -> str:
    return next(kind for kind in instruction.kinds if kind in names)


def compare_words(instruction: Instruction, a: Value, b: Value, low: Value) -> Value:
    """`low`: in the high word of a longer number, how the low words compare."""
    name = find_kind(instruction, COMPARISONS)
    signed = "U32" not in instruction.kinds

    def compare(x: Words, y: Words, *below: Words) -> Words:
        left, right = (make_signed(x), make_signed(y)) if signed else (x, y)
        if not below:
            return COMPARISONS[name](left, right) + ZERO
        if name == "NE":
            return (left != right) | (below[0] != 0) + ZERO
        strict = {"LE": "LT", "GE": "GT"}.get(name, name)
        decided = (left != right) & COMPARISONS[strict](left, right) if name != "EQ" else left != left
        return (decided | ((left == right) & (below[0] != 0))) + ZERO

    return follow(compare, a, b) if low is None else follow(compare, a, b, low)


def compare_below(state: State, instruction: Instruction) -> Value:
    """What Maxwell's flags say of the low words: they are of low(a) - low(b)."""
    name = find_kind(instruction, COMPARISONS)
    carry, zero = state.values.get("CC"), state.values.get("CZ")
    if name in ("EQ", "NE"):
        return zero if name == "EQ" else follow(lambda z: 1 - z, zero)
    if name in ("GE", "LT"):
        return carry if name == "GE" else follow(lambda c: 1 - c, carry)
    above = follow(lambda c, z: c & (1 - z), carry, zero)
    return above if name == "GT" else follow(lambda p: 1 - p, above)


def set_predicate(state: State, instruction: Instruction) -> None:
    """ISETP: the comparison, and its opposite, each combined with a predicate. ISET writes a register."""
    operands = instruction.operands
    extended = "EX" in instruction.kinds or "X" in instruction.kinds
    to_register = instruction.name == "ISET"
    outputs = operands[:1] if to_register else operands[:2]
    a, b, *predicates = operands[len(outputs) :]
    low: Value = None
    if extended:
        low = state.read_predicate(predicates[1]) if "EX" in instruction.kinds else compare_below(state, instruction)
    if extended and low is None:
        result: Value = None
    else:
        result = compare_words(instruction, read_word(state, a), read_word(state, b), low)
    combination = next(kind for kind in reversed(instruction.kinds) if kind in COMBINATIONS)
    other = state.read_predicate(predicates[0])
    found = combine(combination, result, other)
    if to_register:
        word = follow(lambda p: p * WORD, found)
        if outputs[0].endswith(".CC"):  # the flags of the word, as of a sum
            state.write("CZ", follow(lambda w: (w == 0) + ZERO, word))
            state.write("CC", None)
        state.write_register(outputs[0].replace(".CC", ""), [word])
        return
    state.write(outputs[0], found)
    state.write(outputs[1], combine(combination, follow(lambda p: 1 - p, result), other))


def set_from_predicates(state: State, instruction: Instruction) -> None:
    """PSETP: (a first b) second c. PSET writes a register."""
    operands = instruction.operands
    outputs = operands[:1] if instruction.name == "PSET" else operands[:2]
    a, b, c = (state.read_predicate(operand) for operand in operands[len(outputs) :])
    first, second = (kind for kind in instruction.kinds if kind in COMBINATIONS)
    result = combine(first, a, b)
    found = combine(second, result, c)
    if instruction.name == "PSET":
        state.write_register(outputs[0], [follow(lambda p: p * WORD, found)])
        return
    state.write(outputs[0], found)
    state.write(outputs[1], combine(second, follow(lambda p: 1 - p, result), c))


def look_up(table: int, ones: int, a: Words, b: Words, c: Words) -> Words:
    """Bit by bit the entry of `table` that the three bits name."""
    result = ZERO
    for entry in range(8):
        if table >> entry & 1:
            term = np.int64(ones)
            for value, pattern in zip((a, b, c), LUT_INPUTS):
                term = term & (value if pattern >> entry & 1 else value ^ ones)
            result = result | term
    return result + 0 * (a + b + c)


def look_up_bits(state: State, instruction: Instruction) -> None:
    """LOP3.LUT, with a predicate for "not zero" before the target. What no unknown bit can change is known."""
    operands = list(instruction.operands)
    flag = operands.pop(0) if is_predicate(operands[0]) else None
    target, *names, table = operands[:5]
    inputs = [state.read_bits(name) for name in names]
    choices = itertools.product(*((bits & mask, (bits & mask) | (mask ^ WORD)) for mask, bits in inputs))
    words = [look_up(int(table, 16), WORD, *choice) for choice in choices]
    lowest, highest = functools.reduce(np.bitwise_and, words), functools.reduce(np.bitwise_or, words)
    if target not in ZEROS:
        known = lowest ^ highest ^ WORD
        state.write(target, np.where(known == WORD, lowest, UNKNOWN), (known, lowest))
    if flag is not None:
        state.write(flag, np.where(lowest != 0, 1, np.where(highest == 0, 0, UNKNOWN)))


def uses_input(table: int, place: int) -> bool:
    """Whether the table's result depends on this input."""
    bit = 4 >> place
    return any((table >> entry & 1) != (table >> (entry ^ bit) & 1) for entry in range(8))


def look_up_predicates(state: State, instruction: Instruction) -> None:
    """PLOP3.LUT: two results of three predicates."""
    first, second, *inputs = instruction.operands
    values = [state.read_predicate(operand) for operand in inputs[:3]]
    for target, table in zip((first, second), inputs[3:]):
        number = int(table, 16)
        wanted = [value if uses_input(number, place) else ONE for place, value in enumerate(values)]
        state.write(target, follow(lambda a, b, c, number=number: look_up(number, 1, a, b, c), *wanted))


def apply_logic(state: State, instruction: Instruction) -> None:
    """LOP and LOP32I of Maxwell."""
    target, _, inputs = split_outputs(instruction.operands)
    flag = None
    if is_predicate(target):
        flag, target, *inputs = instruction.operands
    a, b = (read_word(state, operand) for operand in inputs[:2])
    name = instruction.kinds[0]
    word = b if name == "PASS_B" else follow(COMBINATIONS[name], a, b)
    state.write_register(target.replace(".CC", ""), [word])
    zero = follow(lambda w: (w == 0) + ZERO, word)
    if target.endswith(".CC"):
        state.write("CC", None)
        state.write("CZ", zero)
    if flag is not None:
        state.write(flag, follow(lambda z: 1 - z, zero))


def select(state: State, instruction: Instruction) -> None:
    """SEL by a predicate; IMNMX and VIMNMX the smaller value where it holds; VIADDMNMX that of a sum and a value."""
    target, *inputs = instruction.operands
    x = read_word(state, inputs.pop(0))
    if instruction.name == "VIADDMNMX":
        x = follow(lambda a, b: a + b & WORD, x, read_word(state, inputs.pop(0)))
    y, p = read_word(state, inputs[0]), state.read_predicate(inputs[1])
    if "MNMX" in instruction.name:
        flip = 0 if "U32" in instruction.kinds else 0x80000000  # which puts signed words in the order of unsigned ones
        smaller = follow(lambda v, w: ((v ^ flip) < (w ^ flip)) + ZERO, x, y)
        p = follow(lambda s, q: (s == q) + ZERO, smaller, p)
    if p is None or (x is None and y is None):
        state.write_register(target, [None])
        return
    unknown = np.int64(-1)
    chosen = np.where(p < 0, -1, np.where(p == 1, unknown if x is None else x, unknown if y is None else y))
    state.write_register(target, [chosen])


def select_by_sign(state: State, instruction: Instruction) -> None:
    """ICMP: a where c compares so with 0, else b."""
    target, a, b, c = instruction.operands
    name = find_kind(instruction, COMPARISONS)
    values = (read_word(state, operand) for operand in (a, b, c))
    state.write_register(
        target, [follow(lambda x, y, z: np.where(COMPARISONS[name](make_signed(z), 0), x, y), *values)]
    )


CONDITIONS: dict[str, Handler] = {
    **dict.fromkeys(("ISETP", "UISETP", "ISET"), set_predicate),
    **dict.fromkeys(("PSETP", "PSET"), set_from_predicates),
    **dict.fromkeys(("LOP3", "ULOP3"), look_up_bits),
    **dict.fromkeys(("PLOP3", "UPLOP3"), look_up_predicates),
    **dict.fromkeys(("LOP", "LOP32I"), apply_logic),
    **dict.fromkeys(("SEL", "USEL", "IMNMX", "VIMNMX", "VIADDMNMX"), select),
    "ICMP": select_by_sign,
}
