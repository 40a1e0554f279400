"""Figures of compiled kernels, kept by the content of the sources that they were compiled from.

benchmarks/results/kernel_figures.json travels with the repository, so that tests of unchanged kernels compile nothing;
build/kernel_figures/ keeps what else was compiled here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchmarks.harness.cuda_compilers import PLUGINS, ROOT
from benchmarks.harness.result_files import write_json

STORED = ROOT / "benchmarks" / "results" / "kernel_figures.json"
CACHE = ROOT / "build" / "kernel_figures"
INCLUDE = re.compile(r'^\s*#include "(.+?)"', re.MULTILINE)
FORMAT = "1"  # of the figures: another value where what is read from the compiler's report changes


class Key(NamedTuple):
    op: str
    compiler: str
    architecture: int
    sources: str  # hash_sources

    @property
    def name(self) -> str:
        return f"{self.op}, {self.compiler}, sm_{self.architecture}"


def hash_sources(source: str) -> str:
    """Of a translation unit and all headers of plugins/ that it includes, directly or not."""
    texts, waiting, seen = [FORMAT, source], find_included(source, PLUGINS), set[Path]()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            texts.append(path.read_text())
            waiting += find_included(texts[-1], path.parent)
    return hashlib.sha256("\0".join(sorted(texts)).encode()).hexdigest()[:16]


def find_included(text: str, folder: Path) -> list[Path]:
    """Beside the file that includes them, else in plugins/, as the compiler looks."""
    names = INCLUDE.findall(text)
    return [(folder if (folder / name).exists() else PLUGINS) / name for name in names]


def load_stored() -> dict[str, dict[str, Any]]:
    """The repository's figures by Key.name: `sources`, the hash of what was compiled, and `kernels`."""
    return cast(dict[str, dict[str, Any]], json.loads(STORED.read_text())) if STORED.exists() else {}


def read_stored(key: Key) -> list[dict[str, Any]] | None:
    """The repository's figures, if they are of these sources."""
    stored = load_stored().get(key.name)
    return None if stored is None or stored["sources"] != key.sources else cast(list[dict[str, Any]], stored["kernels"])


def store(found: dict[Key, list[dict[str, Any]]]) -> None:
    """Write the repository's figures anew."""
    write_json(STORED, {key.name: {"sources": key.sources, "kernels": kernels} for key, kernels in found.items()})


def find_cache(key: Key) -> Path:
    return CACHE / f"{key.op}-{key.compiler.replace(' ', '_')}-{key.architecture}-{key.sources}.json"


def keep(path: Path, kernels: list[dict[str, Any]]) -> None:
    """In place of those of other sources."""
    for old in CACHE.glob(f"{path.stem.rsplit('-', 1)[0]}-*.json"):
        old.unlink()
    write_json(path, kernels)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Held by one thread of one process at a time, for all contents of the sources."""
    lock_path = path.with_name(path.stem.rsplit("-", 1)[0] + ".lock")
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
