"""What a layer report says of the board it was measured on, among its `conditions`; nothing on another machine."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from . import board


def board_conditions() -> Dict[str, Any]:
    """`board`: its model, L4T, JetPack, power mode and memory, as far as they are known."""
    facts = {key: value for key, value in board.board_facts().items() if value is not None}
    return {"board": facts} if "l4t" in facts else {}


def state_conditions(before: Mapping[str, Any], after: Mapping[str, Any], on_gpu: bool) -> Dict[str, Any]:
    """`board_before`, `board_after`, and `noisy` with the reason where times taken between the two states are not to be
    trusted. on_gpu: whether it was the GPU that was timed."""
    if not before:
        return {}
    noisy = board.changed(before, after, on_gpu)
    return {"board_before": dict(before), "board_after": dict(after), **({"noisy": noisy} if noisy else {})}
