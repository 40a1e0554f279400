"""Where features lie, how much room they may take, and that a file of them goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.transfer import view_store
from export.transfer.view_store import StoreShape, ViewStore, describe_store, plan_store, read_available_memory

SHAPE = StoreShape(views=4, images=1000, features=(8, 4, 4), classes=3)
VIEW = 1000 * (2 * 128 + 4 * 3)


@pytest.mark.parametrize(
    ("memory", "disk", "views", "place"),
    [
        (8 * VIEW, 100 * VIEW, 4, "memory"),
        (8 * VIEW - 2, 100 * VIEW, 4, "file"),
        (4 * VIEW, 2 * VIEW, 2, "memory"),
        (2 * VIEW, 6 * VIEW, 3, "file"),
    ],
)
def test_half_of_what_is_free_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: int, disk: int, views: int, place: str
) -> None:
    usage = type("Usage", (), {"free": disk})
    monkeypatch.setattr(view_store, "read_available_memory", lambda: memory)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    shape, found = plan_store(SHAPE, tmp_path / "not" / "yet", "auto")
    assert (shape.views, found) == (views, place)
    assert f"{views} views of 1000 images, 8x4x4 in float16" in describe_store(shape, found, tmp_path / "views")
    assert not (tmp_path / "not").exists()


def test_no_room_for_one_view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(view_store, "read_available_memory", lambda: 2**20)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 0}))
    shape = StoreShape(1, 1000, (8, 40, 40), 0)
    with pytest.raises(ValueError, match=r"takes 25 MiB, and half of the memory available is 0 MiB, half of the free"):
        plan_store(shape, tmp_path)


@pytest.mark.parametrize(
    ("limit", "used", "wanted"), [("max", "5", 3000 * 1024), ("1000", "400", 600), ("100", "400", 0), ("x", "", None)]
)
def test_a_control_group_may_leave_less(tmp_path: Path, limit: str, used: str, wanted: int | None) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    3000 kB\n")
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    assert read_available_memory(tmp_path / "meminfo", tmp_path) == (3000 * 1024 if wanted is None else wanted)


def test_a_file_goes_on_and_another_identity_starts_anew(tmp_path: Path) -> None:
    shape, path = StoreShape(2, 3, (1, 2, 2), 2), tmp_path / "run" / "views.f16"
    first = ViewStore(shape, "file", path, {"data": "a"})
    first.features[0] = 1.0
    assert first.logits is not None
    first.logits[0] = 2.0
    first.note_done(1)
    again = ViewStore(shape, "file", path, {"data": "a"})
    assert again.done == 1
    assert np.array_equal(again.features[0], np.ones((3, 1, 2, 2), np.float16))
    assert again.logits is not None and float(again.logits[0].min()) == 2.0
    other = ViewStore(shape, "file", path, {"data": "b"})
    assert other.done == 0
    other.remove()
    assert not list(path.parent.iterdir())
