"""The folder an engine is made in, and the steps that put it into its place."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.engine.files import open_build_folder, publish, why_build, write_card
from server.backends.engine_card import EngineCard, Machine, card_path, engine_name, file_sha256, read_card
from server.errors import StartupError
from tests.server.backends.test_engine_card import CARD

HERE = Machine(CARD.tensorrt, CARD.gpu, CARD.compute_capability, CARD.multiprocessors, CARD.board, CARD.plugin_sha256)
ROOT = Path(__file__).parents[3]


def made(folder: Path, content: bytes = b"engine", **values: Any) -> EngineCard:
    """A card and its engine in a folder."""
    onnx = values.get("onnx_sha256", CARD.onnx_sha256)
    card = replace(CARD, engine=engine_name(CARD.name, CARD.precision, onnx), **values)
    (folder / card.engine).write_bytes(content)
    card = replace(card, engine_sha256=file_sha256(folder / card.engine))
    write_card(folder, card)
    return card


def never() -> None:
    raise AssertionError("nobody else builds")


def test_the_old_engine_goes_once_the_new_one_is_there(tmp_path: Path) -> None:
    old = made(tmp_path, onnx_sha256="1" * 64)
    others = [tmp_path / f"{CARD.name}-fp32-11111111.engine", tmp_path / f"{CARD.name}-fp16-mine.engine"]
    for other in others:
        other.write_bytes(b"of others")
    with open_build_folder(tmp_path, never) as folder:
        new = made(folder, onnx_sha256="2" * 64)
        assert (tmp_path / old.engine).exists()
        path = publish(folder, new, tmp_path)
    assert read_card(path) == new and (tmp_path / new.engine).read_bytes() == b"engine"
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".engines.lock", path.name, new.engine, *(other.name for other in others)}


def test_what_goes_wrong_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_build_folder(tmp_path, never) as folder:
        made(folder)
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == [".engines.lock"]


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".engine-abcd").mkdir()
    (tmp_path / ".engine-abcd" / "x.engine").write_bytes(b"half")
    with open_build_folder(tmp_path, never) as folder:
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]


def test_builds_wait_for_each_other(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from export.engine.files import open_build_folder\n"
        "with open_build_folder(Path(sys.argv[1]), lambda: print('waits', flush=True)):\n"
        "    print('builds', flush=True)"
    )
    with open_build_folder(tmp_path, never):
        command = [sys.executable, "-c", code, str(tmp_path)]
        other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None and other.stdout.readline() == "waits\n"
    assert other.communicate(timeout=20)[0] == "builds\n"


def test_reasons(tmp_path: Path) -> None:
    path = card_path(tmp_path, CARD.name, CARD.precision)

    def reason(machine: Machine = HERE, onnx: str = CARD.onnx_sha256, batch: tuple[int, int, int] = (1, 4, 16)) -> Any:
        return why_build(path, machine, onnx, batch)

    assert reason() == "there was none"
    path.write_text("{")
    assert reason() == "the card of the old one cannot be read"
    card = made(tmp_path)
    assert reason() is None
    assert "ONNX file has changed" in reason(onnx="f" * 64)
    assert "plugin library has changed" in reason(replace(HERE, plugin_sha256="f" * 64))
    assert "batches of [1, 4, 16], [1, 8, 32] are asked for" in reason(batch=(1, 8, 32))
    (tmp_path / card.engine).write_bytes(b"engin")
    assert reason() == "the old one is missing or damaged"
    (tmp_path / card.engine).unlink()
    assert reason() == "the old one is missing or damaged"


CHANGES: list[dict[str, Any]] = [
    {"tensorrt": "10.3.0"},
    {"gpu": "Xavier"},
    {"compute_capability": "7.2"},
    {"multiprocessors": 8},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_foreign_engine_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """Even where it is stale, too: it may be of use elsewhere."""
    made(tmp_path)
    path = card_path(tmp_path, CARD.name, CARD.precision)
    with pytest.raises(StartupError, match="was built .* and this is .*ARGS=--rebuild"):
        why_build(path, replace(HERE, **change), "f" * 64, (1, 4, 16))
