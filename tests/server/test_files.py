"""Folders for a measurement's files: wherever writing is possible."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable

import pytest

from server import files
from server.errors import NoRoom
from tests.server.support.app_client import AppClient

MIB = 1 << 20


def test_the_first_place_with_room_is_taken_and_left_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "file"
    closed.touch()
    monkeypatch.setattr(files, "SCRATCH", (str(closed), str(tmp_path / "nothing"), str(tmp_path)))
    with files.open_scratch_folder(MIB) as folder:
        assert folder.parent == tmp_path
        (folder / "trace").write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SCRATCH", (str(tmp_path / "nothing"),))
    with pytest.raises(NoRoom, match="no folder to write 32 MiB.*--tmpfs /tmp.*TMPDIR"), files.open_scratch_folder(
        32 * MIB
    ):
        pass
    monkeypatch.setattr(files, "SCRATCH", (str(tmp_path),))
    with pytest.raises(NoRoom), files.open_scratch_folder(1 << 60):
        pass
    assert list(tmp_path.iterdir()) == []


def test_layers_without_a_folder_are_refused_and_labels_are_not(
    client: AppClient, cat: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only root without /tmp."""
    monkeypatch.setattr(files, "SCRATCH", ("/nothing",))
    refused = client.post("/v1/classify?layers=true", files={"file": cat})
    assert refused.status_code == 507 and "--tmpfs /tmp" in refused.json()["detail"]
    assert client.post("/v1/classify", files={"file": cat}).status_code == 200


def test_memory_does_where_tmp_is_not_there(
    make_client: Callable[..., AppClient], cat: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", find_none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", find_none)
    assert "layers" in make_client().post("/v1/classify?layers=true", files={"file": cat}).json()
