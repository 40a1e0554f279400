"""What tests compile, kept in build/ by the hash of its sources: a second run of the tests compiles nothing anew."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterable

from export.ops.contract import PLUGINS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "tests"


def hash_build(words: Iterable[str], compiler: str, *files: Path) -> str:
    """Of the compiler, how it is called, everything in plugins/ and the other files."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256("\0".join([compiler, *words]).encode() + version)
    for path in sorted({*(path for path in PLUGINS.rglob("*") if path.is_file()), *files}):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def keep_build(name: str, digest: str, build: Callable[[Path], object]) -> Path:
    """A folder that `build` has filled, now or for an earlier run; other builds of the name are removed."""
    kept = KEPT / f"{name}-{digest}"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:
            build(Path(folder, "new"))
            for old in KEPT.glob(f"{name}-*"):
                shutil.rmtree(old, ignore_errors=True)
            Path(folder, "new").rename(kept)
    return kept


def compile_once(name: str, compiler: str, *arguments: str, inputs: Iterable[Path] = ()) -> Path:
    """The result of one compiler call, to which `-o` is added; `inputs` are its sources outside of plugins/."""

    def build(folder: Path) -> None:
        folder.mkdir()
        subprocess.run([compiler, *arguments, "-o", str(folder / name)], check=True)

    words = [argument.replace(str(ROOT), ".") for argument in arguments]
    return keep_build(name, hash_build(words, compiler, *inputs), build) / name
