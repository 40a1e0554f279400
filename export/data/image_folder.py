"""A folder of images as a data set: train/<class>/* and test/<class>/*, the classes sorted by name, and other
layouts of docs/data_formats.md."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from export.data.folder_layout import (
    PART_NAMES,
    describe_unusable,
    find_parts,
    is_flat,
    list_visible,
    looks_like_image,
    normalise_label,
)
from export.data.names import describe_name, describe_path, describe_some

TEST_SHARE = 0.2  # of each class, where nobody has set test images aside
DETECTION = {"images", "labels", "annotations"}


@dataclass(frozen=True)
class FolderImage:
    """One file, not read yet."""

    is_test: bool
    class_id: int
    path: Path
    is_held_out: bool = False


@dataclass(frozen=True)
class FolderListing:
    """The class names in the order of their ids, and every file, sorted by part, class and name.

    `notes` are sentences on what was understood and ignored, `faults` files that are no files, each with the reason.
    """

    labels: list[str]
    images: list[FolderImage]
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def is_image_folder(folder: Path) -> bool:
    """Whether `list_folder` knows the layout; what is wrong within it is for that to say."""
    parts = find_parts(folder)
    return ("train" in parts and len(parts) > 1) or (not parts and is_flat(folder))


def list_folder(folder: Path) -> FolderListing:
    """The files of an image folder, without those that systems leave behind.

    Raises ValueError where a part is missing, a class has no training image, another part knows a class that train/
    does not, a name is no UTF-8, or something lies where it does not belong.
    """
    parts = find_parts(folder)
    listing = FolderListing([], [])
    if not parts and is_flat(folder):
        classes = _list_classes(folder, folder, listing)
        listing.labels.extend(sorted(classes))
        return _split_flat(folder, classes, listing)
    if "test" not in parts and "held_out" in parts:
        name = parts["held_out"].name
        listing.notes.append(f"no test/: {name}/ holds the test images, and a part of train/ is held out instead")
        parts["test"] = parts.pop("held_out")
    for part in ("train", "test"):
        if part not in parts:
            raise ValueError(
                f"{describe_path(folder)} has no folder {part}/: it needs train/<class>/ and test/<class>/ with "
                "images, or one folder for each class and nothing else, of which a fifth is set aside for tests"
            )
    return _list_parts(folder, parts, listing)


def _list_parts(folder: Path, parts: dict[str, Path], listing: FolderListing) -> FolderListing:
    classes = {part: _list_classes(folder, parts[part], listing) for part in PART_NAMES if part in parts}
    listing.labels.extend(sorted(classes["train"]))
    if not listing.labels:
        raise ValueError(f"{describe_path(parts['train'])} is empty: it needs one folder for each class")
    for part in classes:
        _check_known(parts[part], classes[part].keys() - set(listing.labels), listing.labels)
    for part in classes:
        for class_id, label in enumerate(listing.labels):
            files = _list_images(folder, classes[part].get(label, []), listing)
            if part == "train" and not files:
                raise ValueError(
                    f"{describe_path(parts['train'] / label)} has no images: fill it or take the class away"
                )
            listing.images.extend(FolderImage(part == "test", class_id, path, part == "held_out") for path in files)
    if "held_out" in parts:
        listing.notes.append(f"{parts['held_out'].name}/ is held out to choose the checkpoint; --holdout has no effect")
    return listing


def _split_flat(folder: Path, classes: dict[str, list[Path]], listing: FolderListing) -> FolderListing:
    """A fifth of each class, chosen by a hash of the name: the same files each time, also when others are added."""
    train, test = [], []
    for class_id, label in enumerate(listing.labels):
        files = _list_images(folder, classes[label], listing)
        wanted = max(1, round(TEST_SHARE * len(files))) if len(files) > 1 else 0
        chosen = set(sorted(files, key=lambda path: hashlib.sha256(os.fsencode(path.name)).digest())[:wanted])
        train += [FolderImage(False, class_id, path) for path in files if path not in chosen]
        test += [FolderImage(True, class_id, path) for path in files if path in chosen]
    listing.images.extend(train + test)
    listing.notes.append(
        f"no train/ and test/: a fifth of each class, {len(test)} images, is set aside to test on, always the same"
    )
    return listing


def _list_classes(root: Path, folder: Path, listing: FolderListing) -> dict[str, list[Path]]:
    """The folders of each class; those whose names look the same (NFC, NFD) are one class."""
    classes: dict[str, list[Path]] = {}
    images: list[Path] = []
    ignored: list[Path] = []
    for path in list_visible(folder):
        if path.is_dir():
            classes.setdefault(normalise_label(path), []).append(path)
        elif path.is_symlink() and not path.exists():
            raise ValueError(f"{describe_path(path)} is {describe_unusable(path)}: mend it or remove it")
        else:
            (images if looks_like_image(path) else ignored).append(path)
    if images:
        which = f"{describe_path(images[0])} is a file" + (f", and so are {len(images) - 1} more" if images[1:] else "")
        raise ValueError(f"{which}: images lie in a folder for their class, {describe_path(folder)}/<class>/")
    if len({name.lower() for name in classes} & DETECTION) > 1:
        raise ValueError(
            f"{describe_path(folder)} has the folders {describe_some(sorted(classes))}: that is a data set for "
            "detection; a classifier needs one folder for each class"
        )
    if ignored:
        listing.notes.append(f"ignored: {describe_some([describe_path(path.relative_to(root)) for path in ignored])}")
    for label, folders in classes.items():
        if len(folders) > 1:
            listing.notes.append(f"{len(folders)} folders of {describe_path(folder)} are called {label}: one class")
    return classes


def _list_images(root: Path, folders: list[Path], listing: FolderListing) -> list[Path]:
    """The files in the folders of a class, sorted by name."""
    files = []
    for path in sorted((path for folder in folders for path in list_visible(folder)), key=lambda path: path.name):
        if path.is_dir():
            raise ValueError(f"{describe_path(path)} is a folder: images lie directly in the folder of their class")
        fault = describe_unusable(path)
        if fault:
            listing.faults.append(f"{describe_path(path.relative_to(root))}: {fault}")
        else:
            files.append(path)
    return files


def _check_known(folder: Path, unknown: set[str], labels: list[str]) -> None:
    if not unknown:
        return
    alike = {label.strip().casefold(): label for label in labels}
    hints = [
        f"{describe_name(name)} (train/ has {describe_name(alike[name.strip().casefold()])}: give both one name)"
        if name.strip().casefold() in alike
        else describe_name(name)
        for name in sorted(unknown)
    ]
    raise ValueError(f"{describe_path(folder)} has classes that train/ lacks: {describe_some(hints)}")
