"""Models that come and go while others, or their own older version, are in use."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.tiny_models import SIZE, write_tiny_model
from server.errors import BadRequest, Busy, StartupError, UnknownModel
from server.inference.catalogue import Catalogue
from server.models import model_files
from server.models.model import load_model
from server.settings import Settings

GUARD_S = 60.0  # against hanging
IMAGE = np.zeros((1, 3, SIZE, SIZE), np.float32)


@pytest.fixture
def folder(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are found by name: `first`, which the settings name, and `second`."""
    monkeypatch.setattr(model_files, "FOLDERS", (tmp_path,))
    for name in ("first", "second"):
        shutil.copy(tiny, tmp_path / f"{name}.onnx")
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Catalogue:
    catalogue = Catalogue(Settings(models=("first",), threads=1))
    catalogue.load()
    return catalogue


def states(catalogue: Catalogue) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in catalogue.index()}


def test_load_and_unload(loaded: Catalogue) -> None:
    assert states(loaded) == {"first": "READY", "second": "UNAVAILABLE"}
    loaded.load_one("second")
    assert [model.name for model in loaded.models] == ["first", "second"]
    loaded.unload("first")
    assert loaded.get().name == "second" and states(loaded)["first"] == "UNAVAILABLE"
    loaded.unload("second")
    assert loaded.problem == "no model is loaded"
    with pytest.raises(Busy, match="no model is loaded"):
        loaded.get()
    loaded.load_one("first")
    assert loaded.problem is None


def test_reload_keeps_the_place_and_closes_the_old_when_its_last_user_has_gone(
    loaded: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded.load_one("second")
    closed = threading.Event()
    with loaded.use("first") as old, loaded.use("first") as same:
        assert same is old
        monkeypatch.setattr(old.model.backend, "close", closed.set)
        loaded.load_one("first")
        new = loaded.get("first")
        assert new is not old.model and loaded.get() is new
        np.testing.assert_array_equal(old.model.backend.infer(IMAGE), new.backend.infer(IMAGE))  # a request goes on
        assert not closed.is_set()
    assert closed.wait(GUARD_S)  # by a thread of its own
    assert not old.acquire()
    new.backend.infer(IMAGE)


def test_a_model_that_nobody_uses_is_closed_at_once(loaded: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    monkeypatch.setattr(loaded.get("first").backend, "close", closed.set)
    loaded.unload("first")
    assert closed.wait(GUARD_S)


def broken(path: Path) -> None:
    path.write_bytes(b"this is no model")


def without_labels(path: Path) -> None:
    write_tiny_model(path, labels=None)


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [broken, without_labels, missing])
def test_broken_new_version_leaves_the_old_serving(loaded: Catalogue, folder: Path, harm: Any) -> None:
    old = loaded.get("first")
    harm(folder / "first.onnx")
    with pytest.raises(BadRequest, match="the one loaded before goes on serving"):
        loaded.load_one("first")
    assert loaded.get("first") is old and loaded.problem is None
    old.backend.infer(IMAGE)
    (entry,) = [entry for entry in loaded.index() if entry["name"] == "first"]
    assert entry["state"] == "READY" and entry["reason"].startswith("the last load failed: ")
    write_tiny_model(folder / "first.onnx")
    loaded.load_one("first")
    assert loaded.get("first") is not old
    assert {entry["reason"] for entry in loaded.index() if entry["name"] == "first"} == {""}


def test_layers_of_a_file_that_changed_are_not_measured(loaded: Catalogue, folder: Path, cat: bytes) -> None:
    """They would be those of another model than the one that answers."""
    assert loaded.get("first").profile([cat], runs=1)
    broken(folder / "first.onnx")
    with pytest.raises(Busy, match="load the model again"):
        loaded.get("first").profile([cat], runs=1)
    write_tiny_model(folder / "first.onnx")
    loaded.load_one("first")
    assert loaded.get("first").profile([cat], runs=1)


def test_new_version_that_fell_back_is_not_served(loaded: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would answer, but not from where it was asked to run: the old one does."""
    plain = load_model

    def fallen_back(*arguments: Any) -> Any:
        model = plain(*arguments)
        monkeypatch.setattr(model.backend, "problem", "it fell back")
        return model

    monkeypatch.setattr("server.inference.catalogue.load_model", fallen_back)
    old = loaded.get("first")
    with pytest.raises(BadRequest, match="it fell back"):
        loaded.load_one("first")
    assert loaded.get("first") is old


@pytest.mark.parametrize(
    "name", ["third", "", "../models/first", "first.onnx", "/etc/passwd", ".", "first\0", "x" * 5000]
)
def test_only_listed_names(loaded: Catalogue, name: str) -> None:
    with pytest.raises(UnknownModel, match="choose from first, second"):
        loaded.load_one(name)
    with pytest.raises(UnknownModel, match="first"):
        loaded.unload(name)


def test_model_given_by_path_is_loaded_again_by_its_name(tiny: Path) -> None:
    catalogue = Catalogue(Settings(models=(str(tiny),), threads=1))
    catalogue.load()
    old = catalogue.get("tiny")
    catalogue.load_one("tiny")
    assert catalogue.get("tiny") is not old
    with pytest.raises(UnknownModel):
        catalogue.load_one(str(tiny))


def test_one_change_at_a_time(loaded: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told to come again; it does not wait with a thread of its own."""
    plain = load_model

    def slow(*arguments: Any) -> Any:
        for change in (loaded.load_one, loaded.unload):
            with pytest.raises(Busy):
                change("first")
        assert loaded.get("first")
        return plain(*arguments)

    monkeypatch.setattr("server.inference.catalogue.load_model", slow)
    loaded.load_one("second")
    loaded.unload("second")


def test_nothing_changes_before_the_first_load(folder: Path) -> None:
    catalogue = Catalogue(Settings(models=("first", "nothing"), threads=1))
    assert catalogue.problem == "the models are still loading"
    with pytest.raises(Busy, match="still loading"):
        catalogue.load_one("second")
    with pytest.raises(StartupError, match="nothing"):
        catalogue.load()
    assert catalogue.models == []
