"""Writing files so that nobody ever reads half of one, and files that nobody else reads."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional, Sequence

from .errors import NoRoom

# None: where TMPDIR says, /tmp and its like. A service may have a read-only root without /tmp: memory does, too.
SCRATCH: Sequence[Optional[str]] = (None, "/dev/shm", str(Path(__file__).resolve().parents[1] / "build"))


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target, then rename: a reader sees the old file or the whole new one. Makes the folder.

    The data are on the disk before the name is: a power cut leaves no empty file. Several may write the same file, from
    several machines, too; the last one wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_scratch_folder(needed: int) -> Iterator[Path]:
    """A folder of its own with `needed` bytes of room, removed at the end. Raises NoRoom where there is none."""
    made = _make_scratch_folder(needed)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _make_scratch_folder(needed: int) -> Path:
    for place in SCRATCH:
        try:
            made = Path(tempfile.mkdtemp(prefix="fwht-", dir=place))
            if shutil.disk_usage(made).free >= needed:
                return made
            made.rmdir()
        except OSError:  # noqa: PERF203 - the next place may do
            continue
    raise NoRoom(
        f"there is no folder to write {needed >> 20} MiB of a measurement to: mount a /tmp (docker run --tmpfs /tmp), "
        "or set TMPDIR to a folder that can be written"
    )
