"""Every instruction that the kernels use, with what it does to a State; arithmetic on floats is not followed."""

from __future__ import annotations

import re

import numpy as np

from benchmarks.harness.sass_conditions import COMBINATIONS, COMPARISONS, CONDITIONS, combine, find_kind
from benchmarks.harness.sass_integers import ADDITIONS, Handler
from benchmarks.harness.sass_products import PRODUCTS, from_bits, to_bits
from benchmarks.harness.sass_state import ZERO, State, Value, follow
from benchmarks.harness.sass_text import Instruction

FLOATS = (
    "FADD",
    "FADD32I",
    "FMUL",
    "FMUL32I",
    "FFMA",
    "FFMA32I",
    "FSEL",
    "FMNMX",
    "FCMP",
    "RRO",
    "F2F",
    "F2FP",
) + ("HADD2", "HMUL2", "HADD2_32I", "HMNMX2", "HSET2", "BFI", "SGXT", "BMSK", "POPC", "FLO")
COMPARES_FLOATS = ("FSETP", "FSET", "HSETP2", "DSETP")
FLOAT_COMPARISONS = {**COMPARISONS, **{f"{name}U": function for name, function in COMPARISONS.items()}}
ADDRESS = re.compile(r"\[(R\d+)(?:\.64)?(?:\+(0x[0-9a-f]+))?\]$")
LOADS = ("LDG", "LDS", "LD", "LDL")
WIDTHS = {"64": 2, "128": 4}
SILENT = (
    "STG",
    "STS",
    "ST",
    "STL",
    "BAR",
    "DEPBAR",
    "NOP",
    "MEMBAR",
    "BSSY",
    "BSYNC",
    "BREAK",
    "WARPSYNC",
    "ERRBAR",
    "CCTL",
    "BMOV",
)


def load(state: State, instruction: Instruction) -> None:
    """LDG: known where the launch says what is at the address."""
    width = next((WIDTHS[kind] for kind in instruction.kinds if kind in WIDTHS), 1)
    found = ADDRESS.search(instruction.operands[1])
    base = state.read(found[1]) if found and state.memory else None
    word = None
    if found and base is not None:
        addresses = np.broadcast_to(base, (state.threads,))[slice(None) if state.lanes is None else state.lanes]
        offset = int(found[2] or "0", 16)
        for known, value in state.memory.items():
            if all(int(address) + offset in known for address in addresses):
                word = np.int64(value)
    state.write_register(instruction.operands[0], [word] * width)


def read_float(state: State, operand: str) -> Value:
    """A register or a literal, as bits."""
    if operand[0] == "R":
        return state.read(operand)
    return None if operand[0] in "|-c" or "NAN" in operand else to_bits(np.float32(operand.replace("INF", "inf")))


def compare_floats(state: State, instruction: Instruction) -> None:
    """FSETP: followed where both values are known, and no NaN. FSET's flags: whether its word is 0, which no comparison
    that holds gives."""
    to_flags = instruction.name == "FSET"
    if to_flags:
        forget(state, instruction)
    if not set(FLOAT_COMPARISONS) & set(instruction.kinds):  # NUM, NAN
        forget_predicates(state, instruction)
        return
    *outputs, a, b, other = instruction.operands[: 4 if to_flags else 5]
    name = find_kind(instruction, FLOAT_COMPARISONS)
    values = read_float(state, a), read_float(state, b)
    result = follow(lambda x, y: FLOAT_COMPARISONS[name](from_bits(x), from_bits(y)) + ZERO, *values)
    combination = find_kind(instruction, COMBINATIONS)
    holds = combine(combination, result, state.read_predicate(other))
    if to_flags:
        if outputs[0].endswith(".CC"):
            state.write("CZ", follow(lambda p: 1 - p, holds))
        return
    first, second = outputs
    state.write(first, holds)
    state.write(second, combine(combination, follow(lambda p: 1 - p, result), state.read_predicate(other)))


def forget(state: State, instruction: Instruction) -> None:
    """The target is not followed."""
    width = next((WIDTHS[kind] for kind in instruction.kinds if kind in WIDTHS), 1) if instruction.name in LOADS else 1
    target = instruction.operands[0]
    state.write_register(target.replace(".CC", ""), [None] * width)
    if target.endswith(".CC"):
        state.write("CC", None)
        state.write("CZ", None)


def forget_predicates(state: State, instruction: Instruction) -> None:
    for target in instruction.operands[:2]:
        if target.lstrip("U").startswith("P"):
            state.write(target, None)


def forget_exchange(state: State, instruction: Instruction) -> None:
    """SHFL: a predicate, then the register."""
    state.write(instruction.operands[0], None)
    state.write_register(instruction.operands[1], [None])


def trust_division(state: State, instruction: Instruction) -> None:
    """FCHK asks whether a division needs the slow way, for operands near the ends of float32: none does."""
    state.write(instruction.operands[0], ZERO)


def ignore(state: State, instruction: Instruction) -> None:
    """Writes no register."""


def pack_predicates(state: State, instruction: Instruction) -> None:
    """P2R: the predicates of the mask as bits."""
    target, _, base, mask = instruction.operands
    bits = int(mask, 16)
    word = state.read(base)
    for place in range(7):
        if bits >> place & 1:
            word = follow(
                lambda w, p, place=place: (w & ~(1 << place)) | p << place, word, state.values.get(f"P{place}")
            )
    state.write_register(target, [word])


def unpack_predicates(state: State, instruction: Instruction) -> None:
    """R2P: the other way round."""
    _, source, mask = instruction.operands
    word = state.read(source)
    for place in range(7):
        if int(mask, 16) >> place & 1:
            state.write(f"P{place}", None if word is None else np.where(word < 0, -1, word >> place & 1))


HANDLERS: dict[str, Handler] = {
    **ADDITIONS,
    **PRODUCTS,
    **CONDITIONS,
    **dict.fromkeys((*FLOATS, *LOADS), forget),
    "LDG": load,
    "SHFL": forget_exchange,
    **dict.fromkeys(COMPARES_FLOATS, forget_predicates),
    **dict.fromkeys(("FSETP", "FSET"), compare_floats),
    "FCHK": trust_division,
    **dict.fromkeys(SILENT, ignore),
    "P2R": pack_predicates,
    "R2P": unpack_predicates,
}
