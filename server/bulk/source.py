"""Where the bulk classifier's images come from: a folder and all folders in it, or one packed file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Iterator, List, Protocol

from ..errors import BadRequest, StartupError, TooLarge

OF_ONE_FILE = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR)
MAX_BYTES = 64 << 20  # of one file; a worker holds some 50 at a time


class Source(Protocol):
    """Images by name; both methods work in any process that sees the files."""

    def list_names(self) -> List[str]:
        """The name of every image, sorted. Raises StartupError where a folder cannot be listed, or there is none."""

    def read(self, name: str) -> bytes:
        """The image file. Raises ServerError where this one cannot be had, OSError where it may be had another time."""


class Folder:
    """Every file below `root` is an image, whatever its name, unless the name of it or of its folder begins with a dot.

    A name is the path relative to `root`, with /, as os.fsdecode gives it. Links to files are followed, links to
    folders are not: they could lead in a loop.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def list_names(self) -> List[str]:
        found = sorted(self._walk(str(self.root), ""))
        if not found:
            raise StartupError(f"there is no file in {self.root}: name a folder of images")
        return found

    def _walk(self, folder: str, prefix: str) -> Iterator[str]:
        folders = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif not (entry.is_symlink() and entry.is_dir()):
                        yield prefix + entry.name
        except OSError as error:
            raise StartupError(
                f"cannot list {folder} ({error.strerror}): make it readable, or its images would be left out"
            ) from error
        for name in folders:
            yield from self._walk(f"{folder}/{name}", f"{prefix}{name}/")

    def read(self, name: str) -> bytes:
        try:
            return self._read(self.root / name)
        except OSError as error:  # a network file system that is away raises other errors, or its folder has gone
            if error.errno in OF_ONE_FILE and self.root.is_dir():
                raise BadRequest(os.strerror(error.errno)) from error
            raise

    @staticmethod
    def _read(path: Path) -> bytes:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a named pipe would wait for ever
            raise BadRequest("this is no regular file: leave only images in the folder")
        if found.st_size > MAX_BYTES:
            raise TooLarge(f"the file has {found.st_size:,} bytes, the limit is {MAX_BYTES:,}: make it smaller")
        with path.open("rb", buffering=0) as file:
            return file.read()


class PackedFile:
    """A packed image file (docs/data_formats.md), held in memory; a name is the image's number in the file."""

    def __init__(self, path: Path) -> None:
        from .packed_images import read_packed  # late: a folder does without

        try:
            self._images = [image.data for image in read_packed(path)]
        except ValueError as error:
            raise StartupError(f"{error}; a folder of images would do, too") from error
        self._path = path

    def list_names(self) -> List[str]:
        if not self._images:
            raise StartupError(f"there is no image in {self._path}: pack some")
        return [f"{number:08d}" for number in range(len(self._images))]

    def read(self, name: str) -> bytes:
        return self._images[int(name)]


def open_source(path: Path) -> Source:
    """Raises StartupError: not there, or a file that is not packed images."""
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise StartupError(f"{path} is not there: name a folder of images, or a packed file")
    return PackedFile(path)
