"""The packed format: what is written is read back, and a file that does not follow the layout is refused."""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path

import pytest

from export.data.packed_images import CIFAR10_LABELS, labels_path, main, read_labels, write_packed
from server.bulk.packed_images import PackedImage, read_packed
from tests.export.train.training_runs import ROOT

IMAGES = [
    PackedImage(False, 0, b"head-one"),
    PackedImage(True, 7, b"head-two, longer"),
    PackedImage(False, 255, b"head"),
]


def test_images_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_packed(path, IMAGES)
    assert list(read_packed(path)) == IMAGES


def test_the_shared_beginning_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_packed(path, IMAGES)
    assert path.read_bytes() == (
        b"\x04\0\0\0head" + b"\x00\x00\x04\x00-one" + b"\x01\x07\x0c\x00-two, longer" + b"\x00\xff\x00\x00"
    )


def test_files_without_images_and_without_a_shared_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for images in ([], [PackedImage(False, 0, b"one"), PackedImage(False, 1, b"two")]):
        write_packed(path, images)
        assert list(read_packed(path)) == images


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"abc", "3 bytes"),
        (b"\xff\xff\xff\xff", "prefix of 4294967295 bytes"),
        (b"\0\0\0\0\x00\x01", "incomplete record begins at byte 4"),
        (b"\0\0\0\0\x00\x01\x05\x00abc", "5 bytes announced, 3 left"),
        (b"\0\0\0\0\x02\x01\x01\x00a", "is_test = 2"),
    ],
)
def test_a_broken_file_is_refused_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_packed(path))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([PackedImage(False, 0, b"a" * 65_536), PackedImage(False, 0, b"b")], "image 0 has 65536 bytes"),
        ([PackedImage(False, 256, b"a")], "class 256"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path: Path, images: list[PackedImage], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_packed(tmp_path / "a.bin", images)
    assert list(tmp_path.iterdir()) == []


def test_names_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    assert read_labels(path, 10) == list(CIFAR10_LABELS)
    with pytest.raises(ValueError, match=r"3 classes and no names.*a\.bin\.labels\.json"):
        read_labels(path, 3)
    labels_path(path).write_text('["Äpfel", "b", "c"]', encoding="utf-8")
    assert read_labels(path, 3) == ["Äpfel", "b", "c"]
    for text in ("{", '"abc"', '["a", "b", 3]', '["a", "b"]', '["a", "b", "b"]'):
        labels_path(path).write_text(text)
        with pytest.raises(ValueError, match=r"a\.bin\.labels\.json"):
            read_labels(path, 3)


def test_a_folder_is_packed_file_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in (("train/cat/1.jpg", b"11"), ("train/ant/2.jpg", b"12"), ("test/cat/3.jpg", b"13")):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(content)
    out = tmp_path / "out.bin"
    assert main(["pack", str(tmp_path / "images"), str(out)]) == 0
    assert list(read_packed(out)) == [
        PackedImage(False, 0, b"12"),
        PackedImage(False, 1, b"11"),
        PackedImage(True, 1, b"13"),
    ]
    assert json.loads(labels_path(out).read_text()) == ["ant", "cat"]
    assert main(["pack", str(tmp_path / "nothing"), str(out)]) == 1
    assert "has no folder train/" in capsys.readouterr().err
    assert main(["unpack"]) == 2


def test_the_packs_of_this_repository() -> None:
    """100 test images of each class; 30 training and 10 test images of each class; all JPEG files."""
    for name, wanted in (("test_1000", {True: 100}), ("train_400", {False: 30, True: 10})):
        images = list(read_packed(ROOT / f"tests/data/cifar10_{name}.bin"))
        assert Counter((i.is_test, i.class_id) for i in images) == {
            (t, c): n for t, n in wanted.items() for c in range(10)
        }
        assert all(image.data[:2] == b"\xff\xd8" and image.data[-2:] == b"\xff\xd9" for image in images)
        assert len({image.data for image in images}) == len(images)
    (shared,) = struct.unpack("<I", (ROOT / "tests/data/cifar10_test_1000.bin").read_bytes()[:4])
    assert shared > 600  # the quantisation and Huffman tables
