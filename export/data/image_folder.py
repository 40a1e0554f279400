"""A folder of images as a data set: train/<class>/* and test/<class>/*, the classes sorted by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PARTS = ("train", "test")


@dataclass(frozen=True)
class FolderImage:
    """One file, not read yet."""

    is_test: bool
    class_id: int
    path: Path


@dataclass(frozen=True)
class FolderListing:
    """The class names in the order of their ids, and every file, sorted by part, class and name."""

    labels: list[str]
    images: list[FolderImage]


def is_image_folder(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in PARTS)


def list_folder(folder: Path) -> FolderListing:
    """The files of an image folder; those whose names begin with a dot do not count.

    Raises ValueError where a part is missing, a class has no training image, test/ knows a class that train/ does
    not, or something lies where it does not belong.
    """
    for part in PARTS:
        if not (folder / part).is_dir():
            raise ValueError(f"{folder} has no folder {part}/: it needs train/<class>/ and test/<class>/ with images")
    labels = [path.name for path in _list_visible(folder / "train")]
    if not labels:
        raise ValueError(f"{folder / 'train'} is empty: it needs one folder for each class")
    unknown = sorted({path.name for path in _list_visible(folder / "test")} - set(labels))
    if unknown:
        raise ValueError(f"{folder / 'test'} has classes that train/ lacks: {', '.join(unknown)}")
    images = []
    for part in PARTS:
        for class_id, label in enumerate(labels):
            files = _list_images(folder / part / label)
            if part == "train" and not files:
                raise ValueError(f"{folder / part / label} has no images: fill it or take the class away")
            images += [FolderImage(part == "test", class_id, path) for path in files]
    return FolderListing(labels, images)


def _list_images(class_folder: Path) -> list[Path]:
    if not class_folder.exists():
        return []
    if not class_folder.is_dir():
        raise ValueError(f"{class_folder} is a file: images lie in a folder for their class")
    paths = _list_visible(class_folder)
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is a folder: images lie directly in the folder of their class")
    return paths


def _list_visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
