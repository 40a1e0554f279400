"""Training and test images of the three formats of docs/data_formats.md, in memory, as the server would see them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from export.data import cifar_batches, image_folder, packed_images
from server.bulk.packed_images import read_packed
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
    """`smaller`: how many images lost more than half of their side; `skipped`: which were left out, each with why."""

    train: Part
    test: Part
    labels: list[str]
    description: str
    smaller: int
    skipped: list[str]

    def sha256(self) -> str:
        """Hash of pixels, class ids and names: the same data, wherever it lies, in whichever format."""
        digest = hashlib.sha256("\0".join(self.labels).encode())
        for part in (self.train, self.test):
            digest.update(str(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(part.class_ids.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class RawImage:
    """An image before it is decoded and resized; `where` names it in messages."""

    is_test: bool
    class_id: int
    where: str
    content: bytes | Path | np.ndarray


@dataclass(frozen=True)
class RawDataset:
    format: str
    labels: list[str]
    images: list[RawImage]


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
    skipped: list[str] = []
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
    if to_train:
        _check_classes(path, raw.labels, train, test)
    elif not len(test.class_ids):
        raise ValueError(f"{path} holds no test images")
    counts = f"{len(train.class_ids)} training and {len(test.class_ids)} test images"
    return Dataset(train, test, raw.labels, f"{path.name} ({raw.format}, {counts})", smaller, skipped)


def read_raw(path: Path) -> RawDataset:
    """Which images there are, by format; only those of an image folder stay on disk. Raises ValueError."""
    if path.is_file():
        return _read_packed(path)
    if not path.is_dir():
        raise ValueError(f"there is no file or folder {path}")
    if cifar_batches.is_cifar_batches(path):
        return _read_cifar(path)
    if image_folder.is_image_folder(path):
        listing = image_folder.list_folder(path)
        images = [RawImage(i.is_test, i.class_id, str(i.path.relative_to(path)), i.path) for i in listing.images]
        return RawDataset("image folder", listing.labels, images)
    raise ValueError(
        f"{path} is no data set: it has neither the folders train/ and test/ (an image folder) nor the files "
        "batches.meta and test_batch (CIFAR-10's python batches), and it is no packed file; see docs/data_formats.md"
    )


def _read_packed(path: Path) -> RawDataset:
    packed = list(read_packed(path))
    labels = packed_images.read_labels(path, 1 + max((image.class_id for image in packed), default=-1))
    images = [RawImage(p.is_test, p.class_id, f"image {i}", p.data) for i, p in enumerate(packed)]
    return RawDataset("packed file", labels, images)


def _read_cifar(path: Path) -> RawDataset:
    labels = cifar_batches.read_labels(path)
    images = []
    for name in (*cifar_batches.TRAIN, cifar_batches.TEST):
        pixels, class_ids = cifar_batches.read_batch(path / name, len(labels))
        for i, class_id in enumerate(class_ids):
            images.append(RawImage(name == cifar_batches.TEST, class_id, f"{name}, image {i}", pixels[i]))
    return RawDataset("CIFAR-10 python batches", labels, images)


def _prepare(image: RawImage, plain: Preprocessing) -> tuple[np.ndarray | None, int, str]:
    """Pixels uint8 (S, S, 3) and the shorter side of the original, or None and the reason why there are none."""
    try:
        if isinstance(image.content, np.ndarray):
            picture = Image.fromarray(np.ascontiguousarray(image.content))
            side = min(picture.size)
        else:
            data = image.content.read_bytes() if isinstance(image.content, Path) else image.content
            decoded = decode(data, plain.size)
            picture, side = decoded.image, min(decoded.width, decoded.height)
    except (ServerError, OSError) as error:
        return None, 0, str(error)
    # With mean 0 and std 1 the server's own preparation yields whole numbers from 0 to 255.
    return to_tensor(picture, plain).astype(np.uint8).transpose(1, 2, 0), side, ""


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


def _check_classes(path: Path, labels: list[str], train: Part, test: Part) -> None:
    if len(labels) < 2:
        raise ValueError(f"{path} has {len(labels)} class: a classifier needs at least two")
    counts = np.bincount(train.class_ids, minlength=len(labels))
    empty = [label for label, count in zip(labels, counts) if count == 0]
    if empty:
        raise ValueError(f"{path} has no training image of {', '.join(empty)}")
    if not len(test.class_ids):
        raise ValueError(f"{path} has no test images: set some aside, they are used once, at the end")


def _describe_faults(faults: Iterable[str]) -> str:
    faults = list(faults)
    more = [f"... and {len(faults) - LISTED_FAULTS} more"] if len(faults) > LISTED_FAULTS else []
    listed = "\n  ".join(faults[:LISTED_FAULTS] + more)
    count = f"{len(faults)} image{'s' if len(faults) > 1 else ''}"
    return f"{count} cannot be used (mend or remove, or leave out with --skip-bad):\n  {listed}"
