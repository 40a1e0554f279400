"""Which images a data set holds, in any of the formats of docs/data_formats.md, before one of them is decoded."""

from __future__ import annotations

import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from export.data import cifar_batches, image_folder, packed_images
from export.data.folder_layout import find_parts, find_wrapped
from export.data.names import describe_path
from server.bulk.packed_images import read_packed


@dataclass(frozen=True)
class RawImage:
    """An image before it is decoded and resized; `where` names it in messages."""

    is_test: bool
    class_id: int
    where: str
    content: bytes | Path | np.ndarray
    is_held_out: bool = False

    def read(self) -> bytes | np.ndarray:
        """The bytes of the image file, or its pixels. Raises OSError."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


@dataclass(frozen=True)
class RawDataset:
    """`notes` say what was understood and ignored, `faults` what cannot be an image, each with the reason."""

    format: str
    labels: list[str]
    images: list[RawImage]
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_raw(path: Path) -> RawDataset:
    """Which images there are, by format; only those of an image folder stay on disk. Raises ValueError."""
    if path.is_file():
        return _read_packed(path)
    if not path.is_dir():
        raise ValueError(f"there is no file or folder {describe_path(path)}")
    if cifar_batches.is_cifar_batches(path):
        return _read_cifar(path)
    if image_folder.is_image_folder(path):
        return _read_folder(path)
    raise ValueError(
        f"{describe_path(path)} is no data set: it has neither the folders train/ and test/ (an image folder) nor the "
        "files batches.meta and test_batch (CIFAR-10's python batches), nor one folder of images for each class, and "
        f"it is no packed file; {_suggest(path)}see docs/data_formats.md"
    )


def _suggest(path: Path) -> str:
    """What is probably meant, as a part of a sentence; empty where nothing comes to mind."""
    parts = find_parts(path)
    if "train" in parts:
        name = parts["train"].name
        return f"it has {name}/ alone: name {describe_path(path / name)} itself, and a fifth is set aside to test on; "
    if parts:
        return f"it has {', '.join(one.name + '/' for one in parts.values())} and no train/: rename what to train on; "
    wrapped = find_wrapped(path)
    return f"the data set lies within, name {describe_path(wrapped)}; " if wrapped else ""


def _read_folder(path: Path) -> RawDataset:
    listing = image_folder.list_folder(path)
    images = [
        RawImage(i.is_test, i.class_id, describe_path(i.path.relative_to(path)), i.path, i.is_held_out)
        for i in listing.images
    ]
    return RawDataset("image folder", listing.labels, images, listing.notes, listing.faults)


def _read_packed(path: Path) -> RawDataset:
    if zipfile.is_zipfile(path) or tarfile.is_tarfile(path):
        raise ValueError(f"{describe_path(path)} is an archive: unpack it and name the folder")
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
