"""What a run is about to use, said before it starts: how many images of which class, and what may go wrong."""

from __future__ import annotations

import math

import numpy as np

from export.data.datasets import Dataset
from export.data.names import describe_name, describe_some
from export.models import MODELS
from export.models.efficientnet import EfficientNetSpec
from export.models.mobilenet import CIFAR_STEM_UP_TO
from export.train.options import Options

LISTED_CLASSES = 30
LISTED_FAULTS = 20
UNEVEN = 10  # times as many images in the largest class as in the smallest
# A variance of fewer values is off by a sixth or more (sqrt(2 / n)), and BatchNorm divides by its root. Of toy models
# with 4 and with 32 values the export was refused, of one with 64 it was not.
FEWEST_VALUES = 64


def describe_data(dataset: Dataset, split: tuple[np.ndarray, np.ndarray], options: Options) -> list[str]:
    """Lines. `split`: positions of `dataset.train` to train on and held out."""
    names = [describe_name(label) for label in dataset.labels]
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    lines = [f"{dataset.description}, {len(names)} classes: {shown}"]
    lines += list_counts(dataset, split)
    lines += [f"note: {note}" for note in dataset.notes]
    lines += [f"left out {fault}" for fault in dataset.skipped[:LISTED_FAULTS]]
    if len(dataset.skipped) > LISTED_FAULTS:
        lines.append(f"left out {len(dataset.skipped) - LISTED_FAULTS} more")
    return lines + [f"note: {note}" for note in find_doubts(dataset, split, options)]


def count_images(dataset: Dataset, split: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(classes, 3): how many images of each class are trained on, held out, tested on."""
    parts = (*(dataset.train.class_ids[positions] for positions in split), dataset.test.class_ids)
    return np.stack([np.bincount(ids, minlength=len(dataset.labels)) for ids in parts], axis=1)


def list_counts(dataset: Dataset, split: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """A table, a line for each class; of many classes those with the fewest training images."""
    counts = count_images(dataset, split)
    order = list(range(len(dataset.labels)))
    if len(order) > LISTED_CLASSES:
        order = sorted(np.argsort(counts[:, 0], kind="stable")[:LISTED_CLASSES].tolist())
    names = {i: describe_name(dataset.labels[i]) for i in order}
    width = max(len("class"), *(len(name) for name in names.values()))
    lines = [f"  {'class':{width}}  trained on  held out  tested on"]
    lines += [f"  {names[i]:{width}}  {counts[i, 0]:10}  {counts[i, 1]:8}  {counts[i, 2]:9}" for i in order]
    if len(order) < len(dataset.labels):
        lines.append(f"  and {len(dataset.labels) - len(order)} classes with more training images")
    return lines


def find_doubts(dataset: Dataset, split: tuple[np.ndarray, np.ndarray], options: Options) -> list[str]:
    """What a run will do all the same, though its result may disappoint."""
    counts = count_images(dataset, split)
    labels = [describe_name(label) for label in dataset.labels]

    def name(chosen: np.ndarray) -> str:
        return describe_some([labels[i] for i in np.flatnonzero(chosen)])

    doubts = []
    if len(split[1]) and (counts[:, 1] == 0).any():
        doubts.append(f"too few images to hold one out: {name(counts[:, 1] == 0)}")
    if (counts[:, 2] == 0).any():
        doubts.append(f"no test images, so nothing will be known of them: {name(counts[:, 2] == 0)}")
    least, most = int(counts[:, 0].argmin()), int(counts[:, 0].argmax())
    if counts[most, 0] >= UNEVEN * counts[least, 0]:
        doubts.append(
            f"{labels[most]} has {counts[most, 0]} images to train on, {labels[least]} {counts[least, 0]}: a rare "
            f"class is easily taken for a frequent one; always answering {labels[most]} would be right for "
            f"{counts[most, 0] / counts[:, 0].sum():.0%}. The recall of each class is in the report"
        )
    values = min(options.batch_size, len(split[0])) * last_side(options.model, options.image_size) ** 2
    if values < FEWEST_VALUES:
        doubts.append(
            f"{len(split[0])} images of {options.image_size} pixels give the last layers {values} values to normalise "
            "by: the result may be useless and its export refused; take more images, or a larger --image-size"
        )
    if dataset.smaller:
        size, total = options.image_size, len(dataset.train.class_ids) + len(dataset.test.class_ids)
        doubts.append(
            f"{dataset.smaller} of {total} images are more than twice as large as {size}x{size}; a larger "
            "--image-size (96, 224) shows the model more of them and takes longer"
        )
    return doubts


def last_side(model: str, image_size: int) -> int:
    """Side of the last layers' feature maps: an eighth of the image with the CIFAR stem, else a 32nd."""
    has_stem = image_size <= CIFAR_STEM_UP_TO and not isinstance(MODELS[model], EfficientNetSpec)
    return math.ceil(image_size / (8 if has_stem else 32))
