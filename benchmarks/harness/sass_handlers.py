"""Every instruction that the kernels use, with what it does to a State; arithmetic on floats is not followed."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.sass_conditions import CONDITIONS
from benchmarks.harness.sass_integers import ADDITIONS, Handler
from benchmarks.harness.sass_products import PRODUCTS
from benchmarks.harness.sass_state import ZERO, State
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
    "I2FP",
    "F2F",
    "F2FP",
) + ("HADD2", "HMUL2", "HADD2_32I", "HMNMX2", "HSET2", "FSET", "BFE", "BFI", "SGXT", "BMSK", "POPC", "FLO")
COMPARES_FLOATS = ("FSETP", "HSETP2", "DSETP")
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


def forget(state: State, instruction: Instruction) -> None:
    """The target is not followed."""
    width = next((WIDTHS[kind] for kind in instruction.kinds if kind in WIDTHS), 1) if instruction.name in LOADS else 1
    state.write_register(instruction.operands[0].replace(".CC", ""), [None] * width)


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
        value = state.values.get(f"P{place}")
        if bits >> place & 1:
            unknown = word is None or value is None or np.any(value < 0)
            word = None if unknown else (word & ~np.int64(1 << place)) | value << place  # type: ignore[operator]
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
    "SHFL": forget_exchange,
    **dict.fromkeys(COMPARES_FLOATS, forget_predicates),
    "FCHK": trust_division,
    **dict.fromkeys(SILENT, ignore),
    "P2R": pack_predicates,
    "R2P": unpack_predicates,
}
