"""The board among a layer report's `conditions`; empty on another machine."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from . import board


def describe_board() -> Dict[str, Any]:
    """`board`: its model, L4T, JetPack, power mode and memory, as far as they are known."""
    facts = {key: value for key, value in board.read_board_facts().items() if value is not None}
    return {"board": facts} if "l4t" in facts else {}


def describe_board_states(before: Mapping[str, Any], after: Mapping[str, Any], on_gpu: bool) -> Dict[str, Any]:
    """`board_before`, `board_after`, and `noisy` with the reason where times taken between the two states are not to be
    trusted. on_gpu: whether it was the GPU that was timed."""
    if not before:
        return {}
    noisy = board.why_noisy(before, after, on_gpu)
    return {"board_before": dict(before), "board_after": dict(after), **({"noisy": noisy} if noisy else {})}
