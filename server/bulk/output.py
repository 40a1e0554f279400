"""The folder a bulk run writes to: what it was begun with, which images it has, and which parts of them are done.

    DST/part-000000.parquet         one row per image of the part, written whole or not at all
    DST/_bulk/run.json              model and options; another run must have the same
    DST/_bulk/part-000000.json      the names of the part's images, written before any of them is classified

Which images a part has is settled by its list, and a part is one file under one name. So whatever is killed or runs
twice, a part's rows are there once or not yet. Readers of Parquet pass over names that begin with _ or a dot.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import pyarrow
from pyarrow import parquet

from ..errors import StartupError
from ..files import write_atomically

FORMAT = 1
STRING, INT, DOUBLE = pyarrow.string(), pyarrow.int32(), pyarrow.float64()
SCHEMA = pyarrow.schema(
    [
        pyarrow.field("path", STRING, nullable=False),
        ("label", STRING),
        ("class_id", INT),
        ("score", DOUBLE),
        ("top_labels", pyarrow.list_(STRING)),
        ("top_class_ids", pyarrow.list_(INT)),
        ("top_scores", pyarrow.list_(DOUBLE)),
        ("width", INT),
        ("height", INT),
        ("error", STRING),
    ]
)
# Of runs with a min_score; `error` stays the last, which find_done reads.
REASON_SCHEMA = SCHEMA.insert(len(SCHEMA) - 1, pyarrow.field("reason", STRING))


class DonePart(NamedTuple):
    """A finished part: its images, and how many of them are bad."""

    images: int
    bad: int


class Output:
    """See the head of this file. card: the model and the options that decide what the rows say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._notes = folder / "_bulk"
        self.parts: List[int] = []  # images of each part, by its number

    def begin(self, card: Dict[str, Any]) -> None:
        """Make the folder or go on in it. Raises StartupError: not writable, not ours, or begun in another way."""
        path = self._notes / "run.json"
        try:
            if path.exists():
                check_same_run(self.folder, json.loads(path.read_text("utf-8")), card)
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            foreign = sorted(entry.name for entry in self.folder.iterdir() if entry != self._notes)
            if foreign:
                raise StartupError(
                    f"{self.folder} is not empty ({foreign[0]}) and no bulk run began it: name a new or empty folder"
                )
            write_atomically(path, (json.dumps({"format": FORMAT, **card}, indent=2) + "\n").encode())
        except ValueError as error:
            raise StartupError(f"{path} cannot be read ({error}): name a new folder") from error
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run away; the lock ends with the process, however it ends. Call it after `begin`."""
        try:
            file = (self._notes / "lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with file:
            if not try_lock(file):
                raise StartupError(f"another run is writing to {self.folder}: wait for its end, or stop it")
            yield

    def add(self, names: Sequence[str], size: int) -> int:
        """Put those that no part has yet into new parts of `size`; returns how many. `names` are sorted.

        Raises StartupError where they cannot be written.
        """
        known = set()
        self.parts = []
        while self._list(len(self.parts)).exists():
            listed = self.read_names(len(self.parts))
            known.update(listed)
            self.parts.append(len(listed))
        new = [name for name in names if name not in known] if known else names
        for begin in range(0, len(new), size):
            listed = list(new[begin : begin + size])
            try:
                write_atomically(self._list(len(self.parts)), json.dumps(listed).encode("ascii"))
            except OSError as error:
                raise self._unwritable(error) from error
            self.parts.append(len(listed))
        return len(new)

    def read_names(self, part: int) -> List[str]:
        """The images of a part."""
        names: List[str] = json.loads(self._list(part).read_bytes())
        return names

    def find_done(self, part: int) -> Optional[DonePart]:
        """None where the part is not written, or its file is damaged."""
        with suppress(OSError, pyarrow.ArrowException):
            footer = parquet.read_metadata(self._file(part))
            groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
            bad = sum(group.num_rows - group.column(group.num_columns - 1).statistics.null_count for group in groups)
            if footer.num_rows == self.parts[part]:
                return DonePart(footer.num_rows, bad)
        return None

    def write(self, part: int, rows: List[Dict[str, Any]], about: Dict[str, str]) -> None:
        """Write a part's rows, in the order of its names. about: goes into the file's metadata."""
        schema = REASON_SCHEMA if any("reason" in row for row in rows) else SCHEMA
        table = pyarrow.Table.from_pylist(rows, schema.with_metadata(about))
        buffer = pyarrow.BufferOutputStream()
        parquet.write_table(table, buffer, compression="zstd")
        write_atomically(self._file(part), buffer.getvalue().to_pybytes())
        with suppress(OSError):
            (self._notes / f"part-{part:06d}.tries").unlink()

    def count_try(self, part: int) -> int:
        """Count a try of this part; returns how many began before it, since `sweep`."""
        with (self._notes / f"part-{part:06d}.tries").open("ab") as file:
            before = file.tell()
            file.write(b".")
        return before

    def _unwritable(self, error: OSError) -> StartupError:
        return StartupError(
            f"cannot write to {self.folder} ({error.strerror}): make room there, or name another folder"
        )

    def sweep(self) -> None:
        """Remove what killed writers left behind."""
        notes = [path for kind in (".part-*", ".run.json.*", "*.tries") for path in self._notes.glob(kind)]
        for path in [*self.folder.glob(".part-*"), *notes]:
            with suppress(OSError):
                path.unlink()

    def _file(self, part: int) -> Path:
        return self.folder / f"part-{part:06d}.parquet"

    def _list(self, part: int) -> Path:
        return self._notes / f"part-{part:06d}.json"


def check_same_run(folder: Path, begun: Dict[str, Any], card: Dict[str, Any]) -> None:
    """Raises StartupError naming the first option in which a run that is to go on differs from how it began."""
    for key, value in {"format": FORMAT, **card}.items():
        if begun.get(key) != value:
            raise StartupError(
                f"{folder} was begun with {key} {begun.get(key)!r}, and now it is {value!r}: a folder holds the rows "
                "of one model and one way to ask it; do the same as before, or name a new folder"
            )


def try_lock(file: IO[str]) -> bool:
    """Whether the lock could be had; where a system has no such locks, a second run is not kept away."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have none
        return True
    return True


def make_printable(name: str) -> str:
    """A name as it stands in the column `path`: file names may hold bytes that are no UTF-8, which Parquet must not."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
