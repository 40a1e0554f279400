"""How people lay out folders of images: which folder is which part, what lies beside the images, what names look like.

Systems write files of their own everywhere, macOS writes names in another normal form than the rest (NFD), and on Linux
a name is any bytes. Classes are therefore matched by their names in NFC.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from export.data.names import describe_path

# What the folder of a part may be called, in any case.
PART_NAMES = {
    "train": ("train", "training"),
    "held_out": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
# Files and folders that a system, an archiver or a NAS leaves behind; so do names that begin with a dot.
SYSTEM_NAMES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin", "lost+found"}
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif"}
IMAGE_SUFFIXES |= {".heic", ".heif", ".avif", ".tif", ".tiff", ".jp2", ".jxl", ".svg", ".ico"}  # named when refused


def normalise_label(folder: Path) -> str:
    """The class that a folder is named by, in NFC. Raises ValueError where the name is no UTF-8."""
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{describe_path(folder)}: the name of this class is not UTF-8, so nothing could show it: rename the folder"
        ) from None
    return unicodedata.normalize("NFC", folder.name)


def is_system_file(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in SYSTEM_NAMES


def looks_like_image(path: Path) -> bool:
    """By its name alone."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def list_visible(folder: Path) -> list[Path]:
    """What lies in a folder, sorted by name, without what systems leave there; nothing where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if not is_system_file(path)), key=lambda path: path.name)


def describe_unusable(path: Path) -> str | None:
    """Why a path can be no image: a folder is not meant, nor is a file; None for a file."""
    if path.is_file():
        return None
    if path.is_symlink() and not path.exists():
        return f"a link to {describe_path(os.readlink(path))}, which does not exist"
    return "neither a file nor a folder"


def find_parts(folder: Path) -> dict[str, Path]:
    """The folders of `folder` that are parts, by the keys of PART_NAMES. Raises ValueError for two of one part."""
    found: dict[str, Path] = {}
    for path in list_visible(folder):
        for part, names in PART_NAMES.items():
            if path.name.lower() in names and path.is_dir():
                if part in found:
                    raise ValueError(
                        f"{describe_path(folder)} has both {found[part].name}/ and {path.name}/, which mean the same: "
                        "put their images into one"
                    )
                found[part] = path
    return found


def is_flat(folder: Path) -> bool:
    """Whether class folders with images lie directly in it: two or more, each with an image, and no other folders."""
    folders = [path for path in list_visible(folder) if path.is_dir()]
    return len(folders) > 1 and all(any(looks_like_image(path) for path in list_visible(one)) for one in folders)


def find_wrapped(folder: Path) -> Path | None:
    """The folder within, where an archive was unpacked into a folder of its own name; None where there is none."""
    folders = [path for path in list_visible(folder) if path.is_dir()]
    if len(folders) != 1:
        return None
    inner = folders[0]
    return inner if "train" in find_parts(inner) or is_flat(inner) else find_wrapped(inner)
