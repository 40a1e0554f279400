"""The settings that hybrid_study.py compares: each differs from the hybrid as it is in one thing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BASELINE, HYBRID = "efficientnet_lite0", "fwht_efficientnet_lite0"


@dataclass(frozen=True)
class Setting:
    """`name` for the table, and what differs from the hybrid as it is."""

    name: str
    variant: dict[str, object] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    threshold_init: str = "ramp"
    architecture: str = HYBRID


ONE: dict[str, object] = {"paths": 1}
SETTINGS = (
    Setting("convolutions kept", architecture=BASELINE),
    Setting("as it is: 3 soft paths, scale"),
    Setting("1 smooth path, no scale (the paper's)", {**ONE, "soft": False, "scale": False}),
    Setting("1 smooth path, scale", {**ONE, "soft": False}),
    Setting("1 soft path, scale", ONE),
    Setting("2 soft paths, scale", {"paths": 2}),
    Setting("4 soft paths, scale", {"paths": 4}),
    Setting("3 smooth paths, scale", {"soft": False}),
    Setting("DC thresholded", {"keep_dc": False}),
    Setting("thresholds from 0", threshold_init="zero"),
    Setting("thresholds by sequency", threshold_init="sequency"),
    Setting("thresholds at 10 times the rate", options={"threshold_lr": 10.0}),
    Setting("projection averages channels", {"pool": True}),
    Setting("expansions only", {"fwht_project": False}),
    Setting("projections only", {"fwht_expand": False}),
    Setting("last 3 bottlenecks", {"fwht_bottlenecks": 3}),
    Setting("last 7 bottlenecks", {"fwht_bottlenecks": 7}),
    Setting("labels alone", options={"teacher_share": 0.0}),
    Setting("distillation share 0.4", options={"teacher_share": 0.4}),
    Setting("distillation share 1", options={"teacher_share": 1.0}),
)
