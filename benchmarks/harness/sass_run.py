"""Follow a kernel's machine code for one block of threads, and count the instructions that its warps issue.

Threads at one place with one branch stack are a group; the group furthest behind in the code goes on, so that threads
that parted meet again where their paths do. Branches are decided by integers that follow from the launch's parameters
and the threads' numbers. Where one depends on anything else SassError says which: a count is exact or there is none.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import Callable

import numpy as np

from benchmarks.harness.sass_handlers import COMPARES_FLOATS, HANDLERS
from benchmarks.harness.sass_integers import Handler, is_predicate
from benchmarks.harness.sass_state import State, Value
from benchmarks.harness.sass_text import Code, Instruction, SassError

WARP = 32
MOST_STEPS = 2_000_000  # of a block; no kernel here comes near it, only one that is misunderstood


def depends_on_data(state: State, instruction: Instruction) -> bool:
    """Whether a predicate that this writes, or branches by, follows from values of the tensors."""
    if instruction.name in COMPARES_FLOATS:
        return True
    return bool(state.data) and any(name in state.data for name in list_predicates(instruction))


@functools.lru_cache(maxsize=100_000)
def list_predicates(instruction: Instruction) -> list[str]:
    names = [operand.lstrip("!") for operand in (*instruction.operands, instruction.guard or "")]
    return ["CZ" if is_flag(name) else name for name in names if is_predicate(name) or is_flag(name)]


def is_flag(operand: str) -> bool:
    """BRA CC.NEU, LABEL."""
    return operand.startswith("CC.")


def take_every_second(mask: np.ndarray) -> np.ndarray:
    """Of the threads of each warp: one that branches by data is taken to hold both kinds, and goes both ways."""
    lanes = mask.reshape(-1, WARP)
    return np.asarray(lanes & (np.cumsum(lanes, axis=1) % 2 == 1)).reshape(-1)


@dataclass
class Group:
    place: int
    mask: np.ndarray
    stack: tuple[tuple[str, int], ...] = ()  # Maxwell's: where SYNC, BRK and RET go on

    def __post_init__(self) -> None:
        self.warps = int(self.mask.reshape(-1, WARP).any(axis=1).sum())
        self.full = bool(self.mask.all())


@dataclass
class Run:
    """One block; `counts` holds how many warps issued each instruction."""

    code: Code
    state: State

    def __post_init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.groups = [Group(0, np.ones(self.state.threads, bool))]

    def follow(self) -> Counter[int]:
        for _ in range(MOST_STEPS):
            if not self.groups:
                return self.counts
            self.advance()
        raise SassError(f"no end after {MOST_STEPS} instructions")

    def advance(self) -> None:
        """The group that is furthest behind goes on until it branches or meets another."""
        group = min(self.groups, key=lambda g: g.place) if len(self.groups) > 1 else self.groups[0]
        instruction = self.code.instructions[group.place]
        self.counts[group.place] += group.warps
        acting = self.find_acting(group, instruction)
        jump = JUMPS.get(instruction.name)
        if jump is not None:
            self.groups.remove(group)
            self.jump(group, acting, jump, instruction)
        elif (handler := HANDLERS.get(instruction.name)) is not None:
            lanes = group.mask if acting is None else acting
            everyone = group.full if lanes is group.mask else lanes.all()
            self.state.lanes = None if everyone else lanes
            self.state.from_data = depends_on_data(self.state, instruction)
            self.call(handler, instruction, known=acting is not None)
            group.place += 1
        else:
            raise SassError(f"/*{instruction.address:04x}*/ {instruction.text}: {instruction.name} is not followed")
        if len({group.place for group in self.groups}) < len(self.groups):
            self.merge()

    def call(self, handler: Handler, instruction: Instruction, known: bool) -> None:
        """Where it is not known which lanes act, what it writes is unknown in all."""
        try:
            if known:
                handler(self.state, instruction)
                return
            before = dict(self.state.values)
            handler(self.state, instruction)
        except SassError as error:
            raise SassError(f"/*{instruction.address:04x}*/ {instruction.text}: {error}") from error
        for name, value in self.state.values.items():
            if value is not before.get(name):
                self.state.values[name] = None

    def find_acting(self, group: Group, instruction: Instruction) -> np.ndarray | None:
        """The group's threads whose guard holds; None where that is not known."""
        if instruction.guard is None:
            return group.mask
        value = self.state.read_predicate(("!" if instruction.negated else "") + instruction.guard)
        if value is None or np.any(np.broadcast_to(value, group.mask.shape)[group.mask] < 0):
            return None
        return np.asarray(group.mask & np.broadcast_to(value == 1, group.mask.shape))

    def jump(self, group: Group, acting: np.ndarray | None, jump: Jump, instruction: Instruction) -> None:
        condition = [operand for operand in instruction.operands if is_predicate(operand) or is_flag(operand)]
        if condition and acting is not None:  # BRA UP0, LABEL
            value = self.state.read_predicate(condition[0])
            unknown = value is None or np.any(np.broadcast_to(value, acting.shape)[acting] < 0)
            acting = None if unknown else acting & (value == 1)
        if acting is None and depends_on_data(self.state, instruction):
            acting = take_every_second(group.mask)
        if acting is None:
            raise SassError(f"/*{instruction.address:04x}*/ {instruction.text}: it is not known which threads branch")
        staying = group.mask & ~acting
        if staying.any():
            self.groups.append(Group(group.place + 1, staying, group.stack))
        if acting.any():
            self.groups += jump(self, Group(group.place, acting, group.stack), instruction)

    def merge(self) -> None:
        """Groups that have met become one."""
        met: dict[tuple[int, tuple[tuple[str, int], ...]], list[Group]] = {}
        for group in self.groups:
            met.setdefault((group.place, group.stack), []).append(group)
        if len(met) < len(self.groups):
            self.groups = [
                g[0] if len(g) == 1 else Group(place, np.any([one.mask for one in g], axis=0), stack)
                for (place, stack), g in met.items()
            ]


Jump = Callable[[Run, Group, Instruction], list[Group]]


def leave(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    return []


def branch(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    return [Group(run.code.find_label(instruction.operands[-1]), group.mask, group.stack)]


def push(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    """SSY, PBK: where the threads will meet."""
    target = run.code.find_label(instruction.operands[-1])
    return [Group(group.place + 1, group.mask, (*group.stack, (instruction.name, target)))]


def call(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    (after,) = branch(run, group, instruction)
    stack = (*group.stack, ("CAL", group.place + 1)) if instruction.name == "CAL" else group.stack
    return [Group(after.place, group.mask, stack)]


def pop(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    """SYNC goes to the last SSY, BRK to the last PBK, RET behind the last CAL."""
    wanted = {"SYNC": "SSY", "BRK": "PBK", "RET": "CAL"}[instruction.name]
    for depth in reversed(range(len(group.stack))):
        if group.stack[depth][0] == wanted:
            return [Group(group.stack[depth][1], group.mask, group.stack[:depth])]
    raise SassError(f"/*{instruction.address:04x}*/ {instruction.text}: nothing to go back to")


def come_back(run: Run, group: Group, instruction: Instruction) -> list[Group]:
    """RET: by the stack, or to the address in a register."""
    if not instruction.operands:
        return pop(run, group, instruction)
    value: Value = run.state.read(instruction.operands[0].split()[0])  # the label is the function's own
    places = set() if value is None else set(np.broadcast_to(value, group.mask.shape)[group.mask].tolist())
    if len(places) != 1 or not places <= set(run.code.places):
        raise SassError(f"/*{instruction.address:04x}*/ {instruction.text}: it is not known where this returns to")
    return [Group(run.code.places[places.pop()], group.mask, group.stack)]


JUMPS: dict[str, Jump] = {
    "EXIT": leave,
    "BRA": branch,
    **dict.fromkeys(("SSY", "PBK"), push),
    **dict.fromkeys(("CAL", "CALL"), call),
    **dict.fromkeys(("SYNC", "BRK"), pop),
    "RET": come_back,
}
