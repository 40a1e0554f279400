"""The weights that a hybrid's last blocks start from: they learnt once to answer as ImageNet's blocks do.

EfficientNet-Lite0 has no FWHT layers, so ImageNet's weights leave a hybrid's last five bottlenecks without any, and a
few hundred photos are too few to learn them from the beginning. `distil_tail.py` made DISTILLED from images without
labels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from export.models.checkpoint import CheckpointError, card_path, load_weights
from export.models.initial_weights import InitialWeights

ARCHITECTURE = "fwht_efficientnet_lite0"
DISTILLED = Path(__file__).with_name("distilled_tail.safetensors")
FROZEN = 11  # blocks that are ImageNet's own; DISTILLED has what lies between them and the classifier


@dataclass(frozen=True)
class DistilledTail:
    """Tensors by their names in ARCHITECTURE, float32, and the hash of their file."""

    tensors: dict[str, Tensor]
    sha256: str


def read_distilled_tail() -> DistilledTail:
    """DISTILLED. Raises CheckpointError where it is missing, changed or cut off."""
    try:
        sha256 = json.loads(card_path(DISTILLED).read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"cannot read {card_path(DISTILLED)} ({error}): take it from where this comes from"
        ) from None
    return DistilledTail(load_weights(DISTILLED, sha256), sha256)


def add_tail(initial: InitialWeights, tail: DistilledTail) -> InitialWeights:
    """`initial`, a baseline's weights, with the tail's tensors in place of its own."""
    return replace(
        initial,
        tensors={**initial.tensors, **tail.tensors},
        source=f"{initial.source}, {len(tail.tensors)} of them distilled from ImageNet's ({DISTILLED.name})",
        origin={**initial.origin, "tail": {"weights": DISTILLED.name, "sha256": tail.sha256}},
    )
