"""Where engines are made and kept: a hidden folder to make them in, and the steps that put a finished one in its place.

build/.engines.lock                         held by whoever builds: two builds would disturb each other's timings
build/.engine-XXXX/                         everything of a build that is not proved yet; removed at its end
build/<name>-<precision>-<hash>.engine      put there first
build/<name>-<precision>.engine.json        then the card: an engine without one is no engine
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence

from server.backends.engine_card import (
    HASH_DIGITS,
    EngineCard,
    Machine,
    card_path,
    file_sha256,
    read_card,
    why_outdated,
    why_wrong_machine,
)
from server.errors import StartupError

PREFIX = ".engine-"


@contextmanager
def open_build_folder(out: Path, waiting: Callable[[], None]) -> Iterator[Path]:
    """A folder in `out` for one build; gone afterwards, whatever happens. Waits for another build to end.

    What builds that were killed left behind is removed first. waiting: called where it has to wait.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".engines.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in out.glob(f"{PREFIX}*"):
            shutil.rmtree(str(left), ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=str(out)))
        try:
            yield folder
        finally:
            shutil.rmtree(str(folder), ignore_errors=True)


def why_build(path: Path, machine: Machine, onnx_sha256: str, batch: Sequence[int]) -> Optional[str]:
    """None where the engine of this card is as it should be. Raises StartupError where it is another machine's."""
    if not path.is_file():
        return "there was none"
    try:
        card = read_card(path)
    except StartupError:
        return "the card of the old one cannot be read"
    other = why_wrong_machine(card, machine)
    if other:
        cure = "To replace it by one for this machine: ARGS=--rebuild for make engine; elsewhere remove that file"
        raise StartupError(f"{path}: {other}. {cure}, and start again")
    outdated = why_outdated(card, onnx_sha256, machine.plugin_sha256)
    if outdated:
        return outdated
    sizes = [card.profile.get(size) for size in ("min", "opt", "max")]
    if sizes != list(batch):
        return f"the old one is for batches of {sizes}, {list(batch)} are asked for"
    engine = path.parent / card.engine
    if not engine.is_file() or file_sha256(engine) != card.engine_sha256:
        return "the old one is missing or damaged"
    return None


def write_card(folder: Path, card: EngineCard) -> Path:
    path = card_path(folder, card.name, card.precision)
    path.write_text(card.to_json(), encoding="utf-8")
    return path


def publish(folder: Path, card: EngineCard, out: Path) -> Path:
    """Move a proved engine and its card from `folder` to `out`; then remove the engines that it replaces.

    Returns the card's path. Both are on the disk before they have their names: a board may lose its power any moment.
    """
    made = card_path(folder, card.name, card.precision)
    for path in (folder / card.engine, made):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    (folder / card.engine).replace(out / card.engine)
    kept = card_path(out, card.name, card.precision)
    made.replace(kept)
    for old in list_engines(out, card.name, card.precision):
        if old.name != card.engine:
            old.unlink()
    return kept


def list_engines(out: Path, name: str, precision: str) -> Iterator[Path]:
    """The engines of a name and a precision, of whichever ONNX file."""
    pattern = re.compile(re.escape(f"{name}-{precision}-") + rf"[0-9a-f]{{{HASH_DIGITS}}}\.engine")
    return (path for path in sorted(out.iterdir()) if pattern.fullmatch(path.name))
