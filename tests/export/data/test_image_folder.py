"""Image folders: what is listed in which order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.data.image_folder import is_image_folder, list_folder


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_classes_and_files_are_sorted_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    make(tmp_path, "train/b/2.png", "train/b/10.jpg", "train/a/x.bmp", "train/.DS_Store", "train/a/.hidden", "test/b/y")
    listing = list_folder(tmp_path)
    assert listing.labels == ["a", "b"]
    found = [(image.is_test, image.class_id, image.path.name) for image in listing.images]
    assert found == [(False, 0, "x.bmp"), (False, 1, "10.jpg"), (False, 1, "2.png"), (True, 1, "y")]
    assert is_image_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a/1.png"], "no folder test/"),
        (["test/a/1.png"], "no folder train/"),
        (["train/.x", "test/a/1.png"], "train is empty"),
        (["train/a/1.png", "test/a/2.png", "test/z/3.png"], "classes that train/ lacks: z"),
        (["train/a/1.png", "train/b/.x", "test/a/2.png"], "train/b has no images"),
        (["train/a/1.png", "train/b.png", "test/a/2.png"], "b.png is a file"),
        (["train/a/deeper/1.png", "test/a/2.png"], "deeper is a folder"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list_folder(make(tmp_path, *names))
