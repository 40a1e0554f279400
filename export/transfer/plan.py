"""How much a transfer does for how many images: nothing that a user has to choose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export.data.datasets import Dataset
from export.data.names import describe_name, describe_some
from export.report.calibration import FEWEST_IMAGES
from export.train.batches import choose_heldout

IMAGE_SIZE, RESIZE = 128, "crop"
SHARE, LARGEST_SHARE = 0.1, 0.2  # held out: a tenth, more where that is too little to calibrate the scores on
IMAGE_STEPS = 12_000  # images times epochs that suffice where images are few
FEWEST_EPOCHS, MOST_EPOCHS = 8, 60
FEWEST_VIEWS, MOST_VIEWS = 4, 8
SECONDS = 150.0  # for the epochs of one model of up to FEW images; of more in proportion
FEW, MANY = 300, 2000
# Blocks of EfficientNet-Lite0's 16: hybrids differ in the last five. Few images learn no more than these by heart.
FROZEN, FROZEN_OF_MANY = 11, 8


@dataclass(frozen=True)
class TransferPlan:
    """Of either model: frozen blocks, views, epochs, images a step, and the seconds that its epochs shall take."""

    frozen: int
    views: int
    epochs: int
    batch_size: int
    seconds: float


def plan_transfer(images: int) -> TransferPlan:
    """For so many training images."""
    epochs = max(FEWEST_EPOCHS, min(MOST_EPOCHS, IMAGE_STEPS // images))
    views = max(FEWEST_VIEWS, min(MOST_VIEWS, epochs // 2))
    many = images >= MANY
    frozen = FROZEN_OF_MANY if many else FROZEN
    return TransferPlan(frozen, views, epochs, 64 if many else 32, SECONDS * max(1.0, images / FEW))


def split_dataset(dataset: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from and held out. Raises ValueError for a class with too few images to learn and test."""
    labels, classes = dataset.labels, len(dataset.labels)
    wanted = FEWEST_IMAGES / len(dataset.train.class_ids)
    split = choose_heldout(dataset, min(LARGEST_SHARE, max(SHARE, wanted)), seed)
    learnt = np.bincount(dataset.train.class_ids[split[0]], minlength=classes)
    tested = np.bincount(dataset.test.class_ids, minlength=classes)
    few = [describe_name(labels[i]) for i in range(classes) if learnt[i] < 2 or not tested[i]]
    if few:
        raise ValueError(
            f"too few photos of {describe_some(few)}: a class needs two to learn from, one to hold out and one to test "
            "on, and dozens to be learnt well; add some, or take the class away"
        )
    return split
