"""Image folders as people have them: other layouts, strays, links that lead nowhere, names of other systems."""

from __future__ import annotations

import os
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from export.data.datasets import Dataset, load_dataset
from export.data.image_folder import is_image_folder, list_folder
from export.data.names import describe_name, describe_path
from export.data.packed_images import pack_folder
from export.data.raw_images import read_raw
from server.bulk.packed_images import read_packed
from tests.export.data.test_datasets import pixels, png


def make(folder: Path, **parts: int) -> Path:
    """`parts` of the classes a and b, with so many images of each; "flat": without a folder for the part."""
    seed = 0
    for part, count in parts.items():
        for label in "ab":
            place = folder / label if part == "flat" else folder / part / label
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{part}{i}.png").write_bytes(png(pixels(seed, 8, 8)))
                seed += 1
    return folder


def counts(dataset: Dataset) -> tuple[int, int, int]:
    held_out = 0 if dataset.held_out is None else len(dataset.held_out)
    return len(dataset.train.class_ids) - held_out, held_out, len(dataset.test.class_ids)


@pytest.mark.parametrize("valid", ["valid", "val", "Validation", "dev"])
def test_a_part_to_hold_out_is_held_out(tmp_path: Path, valid: str) -> None:
    dataset = load_dataset(make(tmp_path, train=3, test=1, **{valid: 2}), 8)
    assert counts(dataset) == (6, 4, 2)
    assert dataset.held_out is not None
    for position, seed in zip(dataset.held_out, (8, 9, 10, 11)):  # after the six and the two of test/
        assert np.array_equal(dataset.train.images[position], pixels(seed, 8, 8))
    assert dataset.notes == [f"{valid}/ is held out to choose the checkpoint; --holdout has no effect"]
    assert "6 training, 4 held-out and 2 test images" in dataset.description


def test_what_is_held_out_belongs_to_the_hash(tmp_path: Path) -> None:
    with_part = load_dataset(make(tmp_path / "x", train=2, valid=1, test=1), 8)
    assert with_part.sha256() != Dataset(with_part.train, with_part.test, with_part.labels, "", 0, []).sha256()


def test_a_second_part_alone_is_the_test(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, train=3, val=1), 8)
    assert counts(dataset) == (6, 0, 2)
    assert dataset.notes == ["no test/: val/ holds the test images, and a part of train/ is held out instead"]


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("TRAINING", "testing")])
def test_parts_in_any_case(tmp_path: Path, train: str, test: str) -> None:
    assert counts(load_dataset(make(tmp_path, **{train: 2, test: 1}), 8)) == (4, 0, 2)


def test_class_folders_alone_are_split_the_same_way_every_time(tmp_path: Path) -> None:
    make(tmp_path, flat=10)
    listing = list_folder(tmp_path)
    assert Counter((image.is_test, image.class_id) for image in listing.images) == {
        **{(False, 0): 8, (False, 1): 8},
        **{(True, 0): 2, (True, 1): 2},
    }
    assert "4 images, is set aside to test on" in listing.notes[0]
    assert list_folder(tmp_path) == listing
    test = {image.path for image in listing.images if image.is_test}
    for i in range(5):  # images that come later move none from test to train
        (tmp_path / "a" / f"later{i}.png").write_bytes(png(pixels(i, 8, 8)))
    later = {image.path for image in list_folder(tmp_path).images if image.is_test}
    assert len(test - later) <= 1  # but where a newer one is chosen in its place
    assert counts(load_dataset(tmp_path, 8))[2] == 5


def test_a_lone_image_of_a_class_is_trained_on(tmp_path: Path) -> None:
    make(tmp_path, flat=1)
    (tmp_path / "a" / "more.png").write_bytes(png(pixels(9)))
    assert counts(load_dataset(tmp_path, 8)) == (2, 0, 1)


def test_what_systems_leave_behind_is_no_image_and_no_class(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=1)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._1.png", "Icon\r"):
        for place in ("train", "test", "train/a", "test/b", "."):
            (tmp_path / place / name).write_text("x")
    for name in ("__MACOSX", "@eaDir", ".ipynb_checkpoints"):
        for place in ("train", "test", "train/a", "."):
            (tmp_path / place / name).mkdir()
    dataset = load_dataset(tmp_path, 8)
    assert (dataset.labels, counts(dataset), dataset.notes) == (["a", "b"], (2, 0, 2), [])


def test_a_stray_file_is_ignored_and_named(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=1)
    for name in ("train/README.txt", "test/labels.csv"):
        (tmp_path / name).write_text("x")
    dataset = load_dataset(tmp_path, 8)
    assert dataset.labels == ["a", "b"]
    assert dataset.notes == ["ignored: train/README.txt", "ignored: test/labels.csv"]
    (tmp_path / "test" / "9.jpg").write_bytes(png(pixels(1)))
    with pytest.raises(ValueError, match=r"test/9\.jpg is a file: images lie in a folder for their class"):
        load_dataset(tmp_path, 8)


def test_links_and_pipes_that_are_no_image_are_named_or_left_out(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=1)
    (tmp_path / "train/a/gone.png").symlink_to("/nowhere/x.png")
    (tmp_path / "train/b/loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "test/b/pipe.png")
    (tmp_path / "test/b/whole.png").symlink_to(tmp_path / "test/a/test0.png")
    with pytest.raises(ValueError) as caught:
        load_dataset(tmp_path, 8)
    assert "train/a/gone.png: a link to /nowhere/x.png, which does not exist" in str(caught.value)
    assert "train/b/loop.png: a link to loop.png" in str(caught.value)
    assert "test/b/pipe.png: neither a file nor a folder" in str(caught.value)
    dataset = load_dataset(tmp_path, 8, skip_bad=True)
    assert counts(dataset) == (2, 0, 3) and len(dataset.skipped) == 3
    with pytest.raises(ValueError, match="mend or remove: train/a/gone.png"):
        pack_folder(tmp_path, tmp_path / "x.bin")
    (tmp_path / "test/c").symlink_to("/nowhere/c")
    with pytest.raises(ValueError, match="test/c is a link to /nowhere/c, which does not exist: mend it"):
        load_dataset(tmp_path, 8)


def test_names_of_macos_and_of_the_others_are_the_same_class(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=1)
    nfc, nfd = (unicodedata.normalize(form, "Blüten") for form in ("NFC", "NFD"))
    (tmp_path / "train/a").rename(tmp_path / "train" / nfc)
    (tmp_path / "test/a").rename(tmp_path / "test" / nfd)
    dataset = load_dataset(tmp_path, 8)
    assert (dataset.labels, counts(dataset)) == ([nfc, "b"], (2, 0, 2))
    (tmp_path / "train" / nfd).mkdir()
    (tmp_path / "train" / nfd / "z.png").write_bytes(png(pixels(9)))
    dataset = load_dataset(tmp_path, 8)
    assert counts(dataset) == (3, 0, 2)
    assert dataset.notes == [f"2 folders of {tmp_path / 'train'} are called {nfc}: one class"]


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=1)
    odd = os.fsencode(tmp_path / "train/a") + b"/gr\xfcn.png"
    Path(os.fsdecode(odd)).write_bytes(png(pixels(5)))  # a file may be called anything
    Path(os.fsdecode(odd.replace(b"train", b"test"))).write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"test/a/gr\\xfcn\.png: the file is not an image"):
        load_dataset(tmp_path, 8)
    assert counts(load_dataset(tmp_path, 8, skip_bad=True)) == (3, 0, 2)
    Path(os.fsdecode(os.fsencode(tmp_path / "train") + b"/gr\xfcn")).mkdir()
    with pytest.raises(ValueError, match=r"train/gr\\xfcn: the name of this class is not UTF-8.*rename the folder"):
        load_dataset(tmp_path, 8)


def test_what_was_probably_meant_is_said(tmp_path: Path) -> None:
    def said(folder: Path) -> str:
        with pytest.raises(ValueError) as caught:
            read_raw(folder)
        return str(caught.value)

    assert f"the data set lies within, name {tmp_path}/zip/flowers;" in said(
        make(tmp_path / "zip/flowers", train=1, test=1).parent
    )
    assert f"name {tmp_path}/one/train itself" in said(make(tmp_path / "one", train=1))
    assert is_image_folder(tmp_path / "one/train")
    assert "it has test/ and no train/" in said(make(tmp_path / "no", test=1))
    assert "has both Training/ and train/" in said(make(tmp_path / "two", train=1, Training=1, test=1))
    boxes = make(tmp_path / "boxes", train=1, test=1)
    for part in ("train", "test"):
        (boxes / part / "a").rename(boxes / part / "images")
        (boxes / part / "b").rename(boxes / part / "labels")
    assert "that is a data set for detection" in said(boxes)
    cases = make(tmp_path / "cases", train=1, test=1)
    (cases / "test/a").rename(cases / "test/A ")
    assert 'has classes that train/ lacks: "A " (train/ has a: give both one name)' in said(cases)
    with zipfile.ZipFile(tmp_path / "flowers.zip", "w") as archive:
        archive.writestr("train/a/1.png", b"x")
    assert "flowers.zip is an archive: unpack it and name the folder" in said(tmp_path / "flowers.zip")


def test_class_names_and_paths_are_shown_as_they_are() -> None:
    shown = [describe_name(name) for name in ("rose", "Blüte 花", "a, b", "x ", 'say "x"', "tab\t")]
    assert shown == ["rose", "Blüte 花", '"a, b"', '"x "', '"say "x""', '"tab\t"']
    assert describe_path(os.fsdecode(b"gr\xfcn/\xc3\xbc")) == "gr\\xfcn/ü"


def test_a_packed_folder_keeps_what_was_held_out_for_training(tmp_path: Path) -> None:
    assert pack_folder(make(tmp_path / "x", train=2, valid=1, test=1), tmp_path / "x.bin") == 8
    assert [image.is_test for image in read_packed(tmp_path / "x.bin")] == [False] * 6 + [True] * 2
