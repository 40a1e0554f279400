"""Integer sums, shifts and bits in the machine code of sm_50 to sm_90, as far as addresses and branches need them.

NVIDIA documents names alone (CUDA Binary Utilities, instruction set reference). What an instruction does is concluded
from those; a test has ptxas make code of known integer functions, and compares what comes out of it here.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from benchmarks.harness.sass_state import WORD, ZERO, State, Value, Words, follow, make_signed
from benchmarks.harness.sass_text import Instruction, SassError

Handler = Callable[[State, Instruction], None]
BORROW = (1 << 40) - 1  # -1 where only low words and non-negative carries are looked at


def is_predicate(operand: str) -> bool:
    return operand.lstrip("!U").startswith("P")


def split_outputs(operands: tuple[str, ...]) -> tuple[str, list[str], list[str]]:
    """The target, predicates that are written beside it, the inputs."""
    outputs = 1
    while outputs < len(operands) and is_predicate(operands[outputs]):
        outputs += 1
    return operands[0], list(operands[1:outputs]), list(operands[outputs:])


def read_term(state: State, operand: str, extended: bool = False) -> Value:
    """An operand of a sum: -x as 2^32 - x, so that carries come out as the hardware's do. In the high word of a longer
    number (`extended`) -x is ~x, since the 1 came with the carry of the low word."""
    sign, name = (operand[0], operand[1:]) if operand[0] in "-~|" else ("", operand)
    if sign == "|":
        return follow(lambda x: np.abs(make_signed(x)), state.read(name.rstrip("|")))
    half = name[-3:] if name.endswith((".H0", ".H1")) else ""
    value = state.read(name[: len(name) - len(half)])
    if half:
        value = follow(lambda x: x >> 16 if half == ".H1" else x & 0xFFFF, value)
    if sign == "-" and name.startswith("0x"):
        return np.int64(-int(name, 16) & WORD)
    if sign == "~" or (sign == "-" and extended):
        return follow(lambda x: x ^ WORD, value)
    return follow(lambda x: (1 << 32) - x, value) if sign == "-" else value


def read_word(state: State, operand: str) -> Value:
    if operand[0] not in "-~|" and operand[-3:] not in (".H0", ".H1"):
        return state.read(operand)
    return follow(lambda x: x & WORD, read_term(state, operand))


def write_sum(state: State, target: str, carries: list[str], total: Value) -> None:
    """The low word, and how often 2^32 goes into the sum to the carries; `.CC` is Maxwell's."""
    word = follow(lambda t: t & WORD, total)
    overflows = [follow(lambda t, place=place: ((t >> 32) > place) + ZERO, total) for place in (0, 1)]
    state.write_register(target.replace(".CC", ""), [word])
    for carry, overflow in zip(carries, overflows):
        state.write(carry, overflow)
    if target.endswith(".CC"):
        state.write("CC", overflows[0])
        state.write("CZ", follow(lambda w: (w == 0) + ZERO, word))


def add(state: State, instruction: Instruction) -> None:
    target, carries, inputs = split_outputs(instruction.operands)
    extended = "X" in instruction.kinds
    terms = [read_term(state, operand, extended) for operand in inputs if not is_predicate(operand)]
    if extended:
        incoming = [state.read_predicate(operand) for operand in inputs if is_predicate(operand)]
        terms += incoming or [state.values.get("CC")]
    if "RS" in instruction.kinds:
        total = follow(lambda a, b, c: (a + b >> 16) + c, *terms)
    else:
        total = follow(lambda *values: sum(values), *terms)
    write_sum(state, target, carries, total)


def scale_add(state: State, instruction: Instruction) -> None:
    """LEA: (a << n) + b; LEA.HI: the high word of (c, a) << n, plus b. ISCADD is Maxwell's LEA."""
    target, carries, inputs = split_outputs(instruction.operands)
    carry_in: list[Value] = [state.read_predicate(operand) for operand in inputs if is_predicate(operand)]
    inputs = [operand for operand in inputs if not is_predicate(operand)]
    extended = "X" in instruction.kinds
    if extended and not carry_in:
        carry_in = [state.values.get("CC")]
    shift = int(inputs[-1], 16)
    a, b = read_word(state, inputs[0]), read_term(state, inputs[1], extended)
    if "HI" not in instruction.kinds:
        if inputs[0].startswith("-"):
            shifted = follow(lambda x: (1 << 32) - ((1 << 32) - x << shift & WORD), a)
        else:
            shifted = follow(lambda x: x << shift & WORD, a)
    elif "SX32" in instruction.kinds:
        shifted = follow(lambda x: make_signed(x) >> 32 - shift & WORD, a)
    else:
        shifted = follow(lambda x, high: (high << shift | x >> 32 - shift) & WORD, a, read_word(state, inputs[2]))
    write_sum(state, target, carries, follow(lambda *values: sum(values), shifted, b, *(carry_in if extended else [])))


def move(state: State, instruction: Instruction) -> None:
    """MOV, S2R, LDC and their like, of one or two words."""
    target, source = instruction.operands[:2]
    words = 2 if "64" in instruction.kinds or (instruction.name == "CS2R" and "32" not in instruction.kinds) else 1
    if source.startswith("SR_"):
        state.write_register(target, [state.special.get(source)])
    else:
        state.write_register(target, [read_word(state, source)] if words == 1 else state.read_words(source, words))


def shift_single(state: State, instruction: Instruction) -> None:
    """SHL and SHR of Maxwell."""
    target, value, count = instruction.operands
    a, n = read_word(state, value), read_word(state, count)
    if instruction.name == "SHL":
        result = follow(lambda x, s: np.where(s > 31, 0, x << np.minimum(s, 31) & WORD), a, n)
    elif "U32" in instruction.kinds:
        result = follow(lambda x, s: np.where(s > 31, 0, x >> np.minimum(s, 31)), a, n)
    else:
        result = follow(lambda x, s: make_signed(x) >> np.minimum(s, 31) & WORD, a, n)
    write_sum(state, target, [], result)


def shift_pair(state: State, instruction: Instruction) -> None:
    """SHF: a word of (high, low) shifted. sm_50 gives the high one of a shift to the left without saying so."""
    target, low_name, count, high_name = instruction.operands
    low, high, n = (read_word(state, operand) for operand in (low_name, high_name, count))
    kinds = instruction.kinds
    left, wants_high = "L" in kinds, "HI" in kinds or ("L" in kinds and "U64" in kinds)

    def shift(low: Words, high: Words, count: Words) -> Words:
        s = count & 31 if "W" in kinds else np.minimum(count, 63 if "64" in "".join(kinds) else 32)
        if left:
            both = ((high.astype(np.uint64) << np.uint64(32)) | low.astype(np.uint64)) << s.astype(np.uint64)
        else:
            top = make_signed(high) if "S32" in kinds or "S64" in kinds else high
            if wants_high:
                return top >> s & WORD
            return (
                (high << np.int64(32) | low) >> s & WORD if "S64" not in kinds else (top * (1 << 32) + low) >> s & WORD
            )
        return (both >> np.uint64(32 if wants_high else 0)).astype(np.int64) & WORD

    state.write_register(target, [follow(shift, low, high, n)])


def extract_bits(state: State, instruction: Instruction) -> None:
    """BFE of Maxwell: as many bits as the second byte says, from the place on that the first says."""
    target, value, field = instruction.operands
    chosen = state.read(field)
    if not field.startswith("0x") or chosen is None:
        state.write_register(target.replace(".CC", ""), [None])
        return
    place, width = int(chosen) & 0xFF, int(chosen) >> 8 & 0xFF
    sign = 0 if "U32" in instruction.kinds or not width else 1 << width - 1

    def extract(x: Words) -> Words:
        return ((x >> place & (1 << width) - 1) ^ sign) - sign & WORD

    known = place + width <= 32  # what fields that reach beyond the word give is not documented
    write_sum(state, target, [], follow(extract, read_word(state, value)) if known else None)


def permute_bytes(state: State, instruction: Instruction) -> None:
    """PRMT: each hexadecimal digit of the selector names a byte of (c, a)."""
    target, a, selector, c = instruction.operands
    chosen = state.read(selector)
    if not selector.startswith("0x") or chosen is None or int(chosen) & 0x8888:
        state.write_register(target, [None])
        return

    def choose(low: Words, high: Words) -> Words:
        both, result = (low, high), ZERO
        for place in range(4):
            byte = int(chosen) >> 4 * place & 7
            result = result | (both[byte // 4] >> 8 * (byte % 4) & 0xFF) << 8 * place
        return result

    state.write_register(target, [follow(choose, read_word(state, a), read_word(state, c))])


def move_halves(state: State, instruction: Instruction) -> None:
    """HFMA2 -RZ, RZ, high, low: how ptxas writes a constant on the float16 pipe. Anything else is not followed."""
    target, *inputs = instruction.operands
    word = None
    if [operand.lstrip("-") for operand in inputs[:2]] == ["RZ", "RZ"] and len(inputs) == 4:
        high, low = (int(np.float16(operand.replace("INF", "inf")).view(np.uint16)) for operand in inputs[2:])
        word = np.int64(high << 16 | low)
    state.write_register(target, [word])


ADDITIONS: dict[str, Handler] = {
    **dict.fromkeys(("IADD", "IADD3", "IADD32I", "VIADD", "UIADD3"), add),
    **dict.fromkeys(("LEA", "ULEA", "ISCADD", "ISCADD32I"), scale_add),
    **dict.fromkeys(("MOV", "MOV32I", "UMOV", "S2R", "S2UR", "CS2R", "LDC", "ULDC", "R2UR"), move),
    **dict.fromkeys(("SHL", "SHR"), shift_single),
    "BFE": extract_bits,
    **dict.fromkeys(("SHF", "USHF"), shift_pair),
    **dict.fromkeys(("PRMT", "UPRMT"), permute_bytes),
    "HFMA2": move_halves,
}


def refuse(instruction: Instruction) -> SassError:
    return SassError(
        f"/*{instruction.address:04x}*/ {instruction.text}: this form of {instruction.name} is not followed"
    )
