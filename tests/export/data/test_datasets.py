"""The three formats give the same data; what is wrong is said before any training begins."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.data.cifar_batches import TEST, TRAIN
from export.data.datasets import Dataset, load_dataset
from export.data.packed_images import CIFAR10_LABELS, labels_path, pack_folder, write_packed
from server.bulk.packed_images import PackedImage
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor
from tests.export.data import python2_pickle
from tests.export.train.training_runs import ROOT


def pixels(seed: int, height: int = 32, width: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def make_folder(folder: Path, labels: tuple[str, ...], train: int, test: int) -> Path:
    """train/<class>/<i>.png and test/<class>/<i>.png, each image known by its seed."""
    seed = 0
    for part, count in (("train", train), ("test", test)):
        for label in labels:
            (folder / part / label).mkdir(parents=True)
            for i in range(count):
                (folder / part / label / f"{i}.png").write_bytes(png(pixels(seed)))
                seed += 1
    return folder


def make_batches(folder: Path, train: int, test: int) -> Path:
    """The images of `make_folder` with CIFAR-10's ten classes as python batches; `train` is a multiple of 5."""
    folder.mkdir()
    (folder / "batches.meta").write_bytes(python2_pickle.dumps({"label_names": list(CIFAR10_LABELS)}))
    ids = [c for c in range(10) for _ in range(train)] + [c for c in range(10) for _ in range(test)]
    planes = np.stack([pixels(seed).transpose(2, 0, 1).ravel() for seed in range(len(ids))])
    cuts = [*range(0, 10 * train + 1, 10 * train // 5), len(ids)]
    for name, low, high in zip((*TRAIN, TEST), cuts, cuts[1:]):
        (folder / name).write_bytes(python2_pickle.dumps({"data": planes[low:high], "labels": ids[low:high]}))
    return folder


def same(a: Dataset, b: Dataset) -> bool:
    pairs = ((a.train, b.train), (a.test, b.test))
    return a.labels == b.labels and all(
        np.array_equal(x.images, y.images) and np.array_equal(x.class_ids, y.class_ids) for x, y in pairs
    )


def test_three_formats_of_the_same_images_are_the_same_data(tmp_path: Path) -> None:
    folder = load_dataset(make_folder(tmp_path / "folder", CIFAR10_LABELS, 5, 2), 32)
    assert pack_folder(tmp_path / "folder", tmp_path / "packed.bin") == 70
    packed = load_dataset(tmp_path / "packed.bin", 32)
    batches = load_dataset(make_batches(tmp_path / "batches", 5, 2), 32)
    assert same(folder, packed)
    assert same(folder, batches)
    assert folder.sha256() == packed.sha256() == batches.sha256()
    assert folder.train.images.shape == (50, 32, 32, 3)
    assert np.array_equal(folder.train.images[0], pixels(0))
    assert np.array_equal(folder.test.images[-1], pixels(69))
    assert folder.train.class_ids.tolist() == [c for c in range(10) for _ in range(5)]
    assert folder.description == "folder (image folder, 50 training and 20 test images)"
    assert "packed file" in packed.description
    assert "CIFAR-10 python batches" in batches.description


def test_the_hash_sees_pixels_ids_and_names(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    images = [
        PackedImage(False, 0, png(pixels(0))),
        PackedImage(False, 1, png(pixels(1))),
        PackedImage(True, 0, png(pixels(2))),
    ]
    hashes = set()
    for names, chosen in (
        ('["a", "b"]', images),
        ('["a", "c"]', images),
        ('["a", "b"]', [images[0], images[1], PackedImage(True, 1, images[2].data)]),
        ('["a", "b"]', [PackedImage(False, 0, png(pixels(3))), *images[1:]]),
    ):
        labels_path(path).write_text(names)
        write_packed(path, chosen)
        hashes.add(load_dataset(path, 32).sha256())
    assert len(hashes) == 4


@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_training_sees_exactly_what_the_server_sees(tmp_path: Path, resize: str) -> None:
    folder = make_folder(tmp_path / "folder", ("a", "b"), 1, 1)
    large = pixels(99, 90, 120)
    Image.fromarray(large).save(folder / "train" / "a" / "0.png")  # keeps its name, now 120x90
    Image.fromarray(large).save(folder / "train" / "a" / "1.jpg", quality=90)
    dataset = load_dataset(folder, 24, resize)
    preprocessing = Preprocessing(24, resize, "RGB", (120.0, 121.0, 122.0), (60.0, 61.0, 62.0))
    for i, name in enumerate(("0.png", "1.jpg")):
        served = to_tensor(decode((folder / "train" / "a" / name).read_bytes(), 24).image, preprocessing)
        trained = (dataset.train.images[i].transpose(2, 0, 1).astype(np.float32) - [[[120]], [[121]], [[122]]]) / [
            [[60]],
            [[61]],
            [[62]],
        ]
        # One rounding of the quotient to float32 apart at most, numbers up to 3: 2^-22.
        assert np.abs(served - trained).max() <= 2**-22
    assert dataset.smaller == 2  # 90 pixels are more than twice 24, 32 are not


def test_images_that_cannot_be_decoded_are_listed_or_left_out(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder", ("a", "b"), 2, 1)
    (folder / "train" / "a" / "notes.txt").write_text("hello")
    whole = (folder / "test" / "b" / "0.png").read_bytes()
    (folder / "test" / "b" / "cut.png").write_bytes(whole[:500])
    with pytest.raises(ValueError) as caught:
        load_dataset(folder, 32)
    message = str(caught.value)
    assert message.startswith("2 images cannot be used")
    assert "--skip-bad" in message
    assert "send" not in message  # the server's words to a client
    assert "train/a/notes.txt: the file is not an image" in message
    assert "test/b/cut.png: the PNG image is truncated" in message
    dataset = load_dataset(folder, 32, skip_bad=True)
    assert len(dataset.skipped) == 2
    assert same(dataset, load_dataset(make_folder(tmp_path / "clean", ("a", "b"), 2, 1), 32))


def test_a_long_list_of_faults_is_cut(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "folder", ("a", "b"), 1, 1)
    for i in range(25):
        (folder / "train" / "a" / f"bad{i}").write_bytes(b"")
    with pytest.raises(ValueError, match=r"25 images(.|\n)*and 15 more$"):
        load_dataset(folder, 32)


def test_parts_of_a_packed_file_may_be_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    order = [(True, 1), (False, 1), (False, 0), (True, 0), (False, 1)]
    write_packed(path, [PackedImage(is_test, c, png(pixels(i))) for i, (is_test, c) in enumerate(order)])
    labels_path(path).write_text('["a", "b"]')
    dataset = load_dataset(path, 32)
    assert dataset.train.class_ids.tolist() == [1, 0, 1]
    for found, seed in zip([*dataset.train.images, *dataset.test.images], (1, 2, 4, 0, 3)):
        assert np.array_equal(found, pixels(seed))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "has 0 class"),
        ([(False, 0)], "has 1 class"),
        ([(False, 0), (True, 0), (True, 1)], "no training image of b"),
        ([(False, 0), (False, 1)], "no test images"),
    ],
)
def test_too_little_data_is_refused(tmp_path: Path, images: list[tuple[bool, int]], message: str) -> None:
    path = tmp_path / "a.bin"
    write_packed(path, [PackedImage(is_test, c, png(pixels(0))) for is_test, c in images])
    labels_path(path).write_text(str(["a", "b"][: 1 + max((c for _, c in images), default=-1)]).replace("'", '"'))
    with pytest.raises(ValueError, match=message):
        load_dataset(path, 32)


def test_a_path_of_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file or folder"):
        load_dataset(tmp_path / "nothing", 32)
    with pytest.raises(ValueError, match=r"neither the folders train/ and test/.*docs/data_formats\.md"):
        load_dataset(tmp_path, 32)
    with pytest.raises(ValueError, match="no packed image file"):
        load_dataset(ROOT / "pyproject.toml", 32)


def test_more_images_than_memory_are_refused_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small_machine(name: str) -> Any:
        return {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 5}[name]

    monkeypatch.setattr("os.sysconf", small_machine)
    folder = make_folder(tmp_path / "folder", ("a", "b"), 2, 1)
    with pytest.raises(ValueError, match=r"6 images of 32x32 pixels take .* choose a smaller --image-size"):
        load_dataset(folder, 32)
