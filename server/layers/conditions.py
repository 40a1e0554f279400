"""Under which conditions two sides were measured: what differs, and whether the two can be compared at all."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

# They differ between any two reports, or are shown elsewhere.
IGNORED = (
    "started",
    "noisy",
    "engine_ms",
    "model",
    "onnx_sha256",
    "engine_sha256",
    "board_after.",
    "board_before.temperatures",
    "board_before.power_mode",
)
IN_BOTH = ("kernels",)  # of the ops of this project: a model without them has none, which is no other condition
BOARD = ("cpu", "gpu", "board.model", "board.power_mode")


def find_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Dict[str, Tuple[Any, Any]]:
    """The conditions that are not the same, as (A's, B's); those within others by names like "board.power_mode".

    None of them where one side has none at all.
    """
    left, right = flatten(a), flatten(b)
    if not left or not right:
        return {}
    return {
        key: (left.get(key), right.get(key))
        for key in {**left, **right}
        if not key.startswith(IGNORED)
        and left.get(key) != right.get(key)
        and (key not in IN_BOTH or (key in left and key in right))
    }


def why_other_speed(a: Mapping[str, Any], b: Mapping[str, Any]) -> Optional[str]:
    """How one board, in one power mode, was not as fast for A as for B; None where it was, where that is not known, or
    where there are two boards or modes, which are meant to be compared, or where no GPU was timed."""
    left, right = flatten(a), flatten(b)
    if any(left.get(key) != right.get(key) for key in BOARD) or left.get("provider") == "cpu":
        return None
    clock, other = left.get("board_before.gpu_hz"), right.get("board_before.gpu_hz")
    if not isinstance(clock, (int, float)) or not isinstance(other, (int, float)) or clock == other:
        return None
    return f"the GPU's clock was {clock / 1e6:g} MHz for A and {other / 1e6:g} MHz for B"


def flatten(values: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for key, value in values.items():
        found.update(flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return found
