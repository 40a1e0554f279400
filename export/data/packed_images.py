"""Writing packed image files and naming their classes (docs/data_formats.md has the layout).

python -m export.data.packed_images pack FOLDER OUT.bin
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Iterable, List, Optional, Sequence

from export.data.image_folder import list_folder
from export.data.names import describe_some
from server.bulk.packed_images import HEADER, RECORD, PackedImage
from server.files import write_atomically

MAX_BODY = 0xFFFF
MAX_CLASSES = 256
CIFAR10_LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def write_packed(path: Path, images: Iterable[PackedImage]) -> None:
    """Write the images in the order given; what all of them begin with is stored once. Atomic.

    Raises ValueError where an image is too long or a class does not fit in a byte.
    """
    images = list(images)
    prefix = os.path.commonprefix([image.data for image in images]) or b""
    parts = [HEADER.pack(len(prefix)), prefix]
    for number, image in enumerate(images):
        body = image.data[len(prefix) :]
        if len(body) > MAX_BODY:
            raise ValueError(f"image {number} has {len(body)} bytes; a packed file holds at most {MAX_BODY} an image")
        if not 0 <= image.class_id < MAX_CLASSES:
            raise ValueError(f"image {number} has class {image.class_id}; a packed file holds classes 0 to 255")
        parts += [RECORD.pack(image.is_test, image.class_id, len(body)), body]
    write_atomically(path, b"".join(parts))


def labels_path(path: Path) -> Path:
    """Where the class names of a packed file lie: `data.bin` has `data.bin.labels.json`."""
    return path.with_name(path.name + ".labels.json")


def read_labels(path: Path, classes: int) -> List[str]:
    """The class names of a packed file that uses the classes 0 to `classes` - 1.

    Without a file of names, ten classes are taken for CIFAR-10's. Raises ValueError where the names are missing,
    too few, not unique or no list of strings.
    """
    names_path = labels_path(path)
    if not names_path.exists():
        if classes == len(CIFAR10_LABELS):
            return list(CIFAR10_LABELS)
        raise ValueError(f"{path} has {classes} classes and no names: write them as a JSON list to {names_path}")
    try:
        names = json.loads(names_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{names_path} is no JSON: {error}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{names_path} must be a JSON list of names")
    if len(set(names)) != len(names) or len(names) < classes:
        raise ValueError(f"{names_path} has {len(set(names))} different names, {path} uses {classes} classes")
    return names


def pack_folder(folder: Path, out: Path) -> int:
    """Pack the files of an image folder as they are, names beside it; returns how many.

    A packed file has two parts: what a folder has for holding out is packed among the training images. Raises
    ValueError as `list_folder` does, and for what is no file.
    """
    listing = list_folder(folder)
    if listing.faults:
        raise ValueError(f"mend or remove: {describe_some(listing.faults)}")
    write_packed(out, (PackedImage(entry.is_test, entry.class_id, entry.path.read_bytes()) for entry in listing.images))
    write_atomically(labels_path(out), (json.dumps(listing.labels, ensure_ascii=False) + "\n").encode())
    return len(listing.images)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if len(arguments) != 3 or arguments[0] != "pack":
        print("usage: python -m export.data.packed_images pack FOLDER OUT.bin", file=sys.stderr)
        return 2
    folder, out = Path(arguments[1]), Path(arguments[2])
    try:
        count = pack_folder(folder, out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} images in {out} ({out.stat().st_size} bytes), class names in {labels_path(out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
