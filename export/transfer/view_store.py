"""Room for the features of augmented views and the teacher's logits: in memory, else in a file of the run's folder.

What lies in a file survives an interruption, up to the last chunk that was written whole.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from server.files import write_atomically

SHARE = 0.5  # of the memory available, and of the disk's free space; the model and everybody else need the rest
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
MEBI = 2**20


@dataclass(frozen=True)
class StoreShape:
    """What is kept: `views` times `images` features of (channels, height, width) in float16, and as many logits of
    `classes` in float32, none of them where `classes` is 0."""

    views: int
    images: int
    features: tuple[int, ...]
    classes: int

    @property
    def view_bytes(self) -> int:
        """Of one view of every image."""
        return self.images * (2 * int(np.prod(self.features)) + 4 * self.classes)


def read_available_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Bytes that this process may still take: what the machine has, or what its control group leaves it."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        available = int(lines.get("MemAvailable", f"{available // 1024} kB").split()[0]) * 1024
    try:
        limit, used = ((cgroup / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        return available if limit == "max" else min(available, max(0, int(limit) - int(used)))
    except (OSError, ValueError):
        return available


def plan_store(wanted: StoreShape, folder: Path, place: str = "auto") -> tuple[StoreShape, str]:
    """The shape with as many of its views as there is room for, and "memory" or "file".

    "auto" takes memory where all views fit there, else the place that holds more. Raises ValueError where not even one
    view has room.
    """
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.is_dir())
    room = {"memory": int(SHARE * read_available_memory()), "file": int(SHARE * shutil.disk_usage(there).free)}
    views = {name: min(wanted.views, bytes_ // wanted.view_bytes) for name, bytes_ in room.items()}
    if place == "auto":
        place = "memory" if views["memory"] >= views["file"] else "file"
    if not views[place]:
        where = {"memory": "memory available", "file": f"free space of {there}"}
        short = ", ".join(f"half of the {where[name]} is {room[name] // MEBI} MiB" for name in where)
        raise ValueError(
            f"one view of {wanted.images} images takes {-(-wanted.view_bytes // MEBI)} MiB, and {short}: "
            "free some, or choose a smaller image size or fewer images"
        )
    return replace(wanted, views=views[place]), place


def describe_store(shape: StoreShape, place: str, path: Path) -> str:
    """What will be kept where, for the user to see before it is."""
    size = shape.views * shape.view_bytes / MEBI
    where = "in memory" if place == "memory" else f"in {path}, removed at the end"
    each = "x".join(map(str, shape.features))
    return f"features: {shape.views} views of {shape.images} images, {each} in float16, {size:.0f} MiB {where}"


class ViewStore:
    """`features` float16 (views, images, C, H, W), `logits` float32 (views, images, classes) or None, and `done`: how
    many chunks of them are there."""

    def __init__(self, shape: StoreShape, place: str, path: Path, identity: dict[str, Any]) -> None:
        self.shape, self.place = shape, place
        self._paths = {"features": path, "logits": path.with_suffix(".logits")}
        self._card, self._identity = path.with_suffix(".json"), {**identity, "shape": [shape.views, *shape.features]}
        self.done = self._read_done() if place == "file" else 0
        self.features = self._open("features", np.dtype(np.float16), shape.features)
        self.logits = self._open("logits", np.dtype(np.float32), (shape.classes,)) if shape.classes else None

    def _open(self, name: str, dtype: np.dtype[Any], each: tuple[int, ...]) -> np.ndarray:
        size = (self.shape.views, self.shape.images, *each)
        if self.place == "memory":
            return np.empty(size, dtype)
        path = self._paths[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        return np.memmap(path, dtype, "r+" if self.done else "w+", shape=size)

    def _read_done(self) -> int:
        """How many chunks an interrupted run of the same kind left."""
        try:
            card = json.loads(self._card.read_text())
        except (OSError, ValueError):
            return 0
        there = all(path.is_file() for name, path in self._paths.items() if name == "features" or self.shape.classes)
        return int(card["done"]) if there and card.get("identity") == self._identity else 0

    def note_done(self, done: int) -> None:
        """So many chunks are there; in a file not before they are on the disk."""
        self.done = done
        if isinstance(self.features, np.memmap):
            self.features.flush()
            if isinstance(self.logits, np.memmap):
                self.logits.flush()
            write_atomically(self._card, json.dumps({"identity": self._identity, "done": done}).encode())

    def remove(self) -> None:
        """The files, which may still be open."""
        for path in (*self._paths.values(), self._card):
            path.unlink(missing_ok=True)
