"""Training and test images of the formats of docs/data_formats.md, in memory, as the server would see them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from export.data.names import describe_path, describe_some
from export.data.raw_images import RawImage, read_raw
from server.errors import ServerError
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor

MEMORY_SHARE = 0.7  # of the machine's memory; the model and torch need the rest
LISTED_FAULTS = 10


@dataclass(frozen=True)
class Part:
    """images uint8 (N, S, S, 3) in RGB, class_ids int64 (N,)."""

    images: np.ndarray
    class_ids: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """`smaller`: how many images lost more than half of their side; `skipped`: which were left out, each with why.

    `notes`: what was understood and ignored. `held_out`: positions within `train` that choose the checkpoint, where the
    data set has a part for that. `test_names`: the file of each test image, or its place in the data.
    """

    train: Part
    test: Part
    labels: list[str]
    description: str
    smaller: int
    skipped: list[str]
    notes: list[str] = field(default_factory=list)
    held_out: np.ndarray | None = None
    test_names: list[str] = field(default_factory=list)

    def sha256(self) -> str:
        """Hash of pixels, class ids and names: the same data, wherever it lies, in whichever format."""
        digest = hashlib.sha256("\0".join(self.labels).encode())
        for part in (self.train, self.test):
            digest.update(str(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(part.class_ids.data)
        if self.held_out is not None:
            digest.update(self.held_out.data)
        return digest.hexdigest()


def load_dataset(path: Path, size: int, resize: str = "crop", skip_bad: bool = False, to_train: bool = True) -> Dataset:
    """Read, decode and resize everything under `path`; the format is found out from what lies there.

    Raises ValueError where the format is unknown or broken, an image cannot be decoded (unless `skip_bad`, which
    leaves it out), a part or the training images of a class are missing, or memory does not suffice. Not `to_train`,
    test images alone will do.
    """
    raw = read_raw(path)
    check_memory(len(raw.images), size)
    prepare = partial(_prepare, plain=Preprocessing(size, resize, "RGB", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
    images = np.empty((len(raw.images), size, size, 3), np.uint8)
    kept: list[RawImage] = []
    skipped = list(raw.faults)
    smaller = 0
    with ThreadPoolExecutor() as pool:  # Pillow decodes outside of the interpreter lock
        for image, (pixels, side, fault) in zip(raw.images, pool.map(prepare, raw.images)):
            if pixels is None:
                skipped.append(f"{image.where}: {fault}")
                continue
            images[len(kept)] = pixels
            kept.append(image)
            smaller += side > 2 * size
    if skipped and not skip_bad:
        raise ValueError(_describe_faults(skipped))
    train, test = (_select_part(images, kept, is_test) for is_test in (False, True))
    held_out = [i for i, image in enumerate(image for image in kept if not image.is_test) if image.is_held_out]
    if to_train:
        _check_classes(path, raw.labels, np.delete(train.class_ids, held_out), test)
    elif not len(test.class_ids):
        raise ValueError(f"{describe_path(path)} holds no test images")
    apart = f", {len(held_out)} held-out" if held_out else ""
    counts = f"{len(train.class_ids) - len(held_out)} training{apart} and {len(test.class_ids)} test images"
    name = describe_path(path.name or path.resolve().name)
    positions = np.array(held_out, np.int64) if held_out else None
    description = f"{name} ({raw.format}, {counts})"
    names = [image.where for image in kept if image.is_test]
    return Dataset(train, test, raw.labels, description, smaller, skipped, raw.notes, positions, names)


def _prepare(image: RawImage, plain: Preprocessing) -> tuple[np.ndarray | None, int, str]:
    """Pixels uint8 (S, S, 3) and the shorter side of the original, or None and the reason why there are none."""
    try:
        content = image.read()
        if isinstance(content, np.ndarray):
            picture = Image.fromarray(np.ascontiguousarray(content))
            side = min(picture.size)
        else:
            decoded = decode(content, plain.size)
            picture, side = decoded.image, min(decoded.width, decoded.height)
    except (ServerError, OSError) as error:
        return None, 0, describe_fault(error)
    # With mean 0 and std 1 the server's own preparation yields whole numbers from 0 to 255.
    return to_tensor(picture, plain).astype(np.uint8).transpose(1, 2, 0), side, ""


def describe_fault(error: ServerError | OSError) -> str:
    """Why an image cannot be read, without the server's advice to whoever sent it."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).partition(": send ")[0]


def check_memory(count: int, size: int) -> None:
    """Raises ValueError where `count` prepared images would not fit into this machine's memory."""
    needed = count * size * size * 3
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > MEMORY_SHARE * available:
        raise ValueError(
            f"{count} images of {size}x{size} pixels take {needed / 2**30:.1f} GiB, this machine has "
            f"{available / 2**30:.1f} GiB of memory: choose a smaller --image-size or fewer images"
        )


def _select_part(images: np.ndarray, kept: list[RawImage], is_test: bool) -> Part:
    chosen = [i for i, image in enumerate(kept) if image.is_test == is_test]
    # A view where the part lies in one piece (it does in every format, written in order): no second copy in memory.
    if chosen and chosen == list(range(chosen[0], chosen[0] + len(chosen))):
        pixels = images[chosen[0] : chosen[0] + len(chosen)]
    else:
        pixels = images[chosen]
    return Part(pixels, np.array([kept[i].class_id for i in chosen], np.int64))


def _check_classes(path: Path, labels: list[str], trained: np.ndarray, test: Part) -> None:
    """`trained`: the class ids of the images to train on."""
    where = describe_path(path)
    if len(labels) < 2:
        raise ValueError(f"{where} has {len(labels)} class: a classifier needs at least two")
    counts = np.bincount(trained, minlength=len(labels))
    empty = [label for label, count in zip(labels, counts) if count == 0]
    if empty:
        raise ValueError(f"{where} has no training image of {describe_some(empty)}")
    if not len(test.class_ids):
        raise ValueError(f"{where} has no test images: set some aside, they are used once, at the end")


def _describe_faults(faults: Iterable[str]) -> str:
    faults = list(faults)
    more = [f"... and {len(faults) - LISTED_FAULTS} more"] if len(faults) > LISTED_FAULTS else []
    listed = "\n  ".join(faults[:LISTED_FAULTS] + more)
    count = f"{len(faults)} image{'s' if len(faults) > 1 else ''}"
    return f"{count} cannot be used (mend or remove, or leave out with --skip-bad):\n  {listed}"
