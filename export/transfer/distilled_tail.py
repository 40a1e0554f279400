"""The weights that a hybrid's last blocks start from: they learnt once to answer as ImageNet's blocks do.

EfficientNet-Lite0 has no FWHT layers, so ImageNet's weights leave a hybrid's last five bottlenecks without any, and a
few hundred photos are too few to learn them from the beginning. `distil_tail.py` made DISTILLED from images without
labels.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from export.models.checkpoint import card_path, load_weights
from export.models.initial_weights import InitialWeights

ARCHITECTURE = "fwht_efficientnet_lite0"
DISTILLED = Path(__file__).with_name("distilled_tail.safetensors")
FROZEN = 11  # blocks that are ImageNet's own; DISTILLED has what lies between them and the classifier


def add_distilled_tail(initial: InitialWeights, architecture: str) -> InitialWeights:
    """`initial`, a baseline's weights, with the tensors of DISTILLED in place of its own; as it is for other hybrids.

    Raises CheckpointError where the file was changed or cut off.
    """
    if architecture != ARCHITECTURE:
        return initial
    card = json.loads(card_path(DISTILLED).read_text())
    tail = load_weights(DISTILLED, card["sha256"])
    return replace(
        initial,
        tensors={**initial.tensors, **tail},
        source=f"{initial.source}, {len(tail)} of them distilled from ImageNet's ({DISTILLED.name})",
        origin={**initial.origin, "tail": {"weights": DISTILLED.name, "sha256": card["sha256"]}},
    )
