"""Under which conditions two sides were measured: what differs, and whether that speaks against comparing them."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from .yardstick import ALIKE

# They differ between any two reports, or are told elsewhere.
OWN = (
    "started",
    "noisy",
    "engine_ms",
    "model",
    "onnx_sha256",
    "engine_sha256",
    "yardstick_ms",
    "board_after.",
    "board_before.temperatures",
)
MACHINE = ("cpu", "cores", "provider", "board.model", "board.power_mode")


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Dict[str, Tuple[Any, Any]]:
    """The conditions that are not the same, as (A's, B's); those within others by names like "board.power_mode"."""
    left, right = flat(a), flat(b)
    return {
        key: (left.get(key), right.get(key))
        for key in {**left, **right}
        if not key.startswith(OWN) and left.get(key) != right.get(key)
    }


def other_speed(a: Mapping[str, Any], b: Mapping[str, Any]) -> Optional[str]:
    """How one machine, in one power mode, was not as fast for A as for B; None where it was, where that is not known,
    or where there are two machines or modes, which are meant to be compared."""
    left, right = flat(a), flat(b)
    if any(left.get(key) != right.get(key) for key in MACHINE):
        return None
    clocks = _both("board_before.gpu_hz", left, right)
    if clocks and clocks[0] != clocks[1]:
        return f"the GPU's clock was {clocks[0] / 1e6:g} MHz for A and {clocks[1] / 1e6:g} MHz for B"
    work = _both("yardstick_ms", left, right)
    if left.get("provider") == "cpu" and work and max(work) > ALIKE * min(work):
        return f"the processors took {work[0]:.2f} ms for a fixed piece of work with A and {work[1]:.2f} ms with B"
    return None


def flat(values: Mapping[str, Any], prefix: str = "") -> Dict[str, Any]:
    found: Dict[str, Any] = {}
    for key, value in values.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value})
    return found


def _both(key: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> List[float]:
    """A number of both sides, or nothing."""
    pair = [side.get(key) for side in (left, right)]
    return [float(value) for value in pair if isinstance(value, (int, float))] if None not in pair else []
