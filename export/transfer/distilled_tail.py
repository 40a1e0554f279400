"""The weights that a hybrid's last blocks start from: they learnt once to answer as ImageNet's blocks do.

EfficientNet-Lite0 has no FWHT layers, so ImageNet's weights leave a hybrid's last five bottlenecks without any, and a
few hundred photos are too few to learn them from the beginning. `distil_tail.py` made DISTILLED from images without
labels.
"""

from __future__ import annotations

import json
from pathlib import Path

from export.models.checkpoint import CheckpointError, card_path, load_weights
from export.transfer.tail_weights import TailWeights

ARCHITECTURE = "fwht_efficientnet_lite0"
DISTILLED = Path(__file__).with_name("distilled_tail.safetensors")
FROZEN = 11  # blocks that are ImageNet's own; DISTILLED has what lies between them and the classifier


def read_distilled_tail() -> TailWeights:
    """DISTILLED. Raises CheckpointError where it is missing, changed or cut off."""
    try:
        sha256 = json.loads(card_path(DISTILLED).read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"cannot read {card_path(DISTILLED)} ({error}): take it from where this comes from"
        ) from None
    return TailWeights(load_weights(DISTILLED, sha256), DISTILLED.name, sha256)
