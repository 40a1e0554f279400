"""CIFAR-10's python batches: read as Python 2 wrote them, and no pickle that asks for more."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data.cifar_batches import is_cifar_batches, read_batch, read_labels
from tests.export.data import python2_pickle


def batch(count: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(0)
    data = random.integers(0, 256, (count, 3072), dtype=np.uint8)
    names = [f"image_{i}.png" for i in range(count)]
    return {
        "batch_label": "one of one",
        "labels": [int(i) % 10 for i in range(count)],
        "data": data,
        "filenames": names,
    }


def test_pixels_are_red_green_blue_planes_row_by_row(tmp_path: Path) -> None:
    content = batch()
    (tmp_path / "b").write_bytes(python2_pickle.dumps(content))
    images, class_ids = read_batch(tmp_path / "b", 10)
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.uint8
    assert class_ids == [0, 1, 2]
    for n, row, column, channel in ((0, 0, 0, 0), (1, 5, 31, 1), (2, 31, 7, 2)):
        assert images[n, row, column, channel] == content["data"][n, channel * 1024 + row * 32 + column]


def test_batches_pickled_by_python_3_are_read_too(tmp_path: Path) -> None:
    content = {key.encode(): value for key, value in batch().items()}
    for protocol in (3, 4, 5):
        (tmp_path / "b").write_bytes(pickle.dumps(content, protocol=protocol))
        if protocol == 5:  # numpy then rebuilds arrays by another function, which no genuine batch uses
            with pytest.raises(ValueError, match="_frombuffer"):
                read_batch(tmp_path / "b", 10)
        else:
            assert read_batch(tmp_path / "b", 10)[1] == [0, 1, 2]


def test_names(tmp_path: Path) -> None:
    (tmp_path / "batches.meta").write_bytes(python2_pickle.dumps({"label_names": ["cat", "dog"], "num_vis": 3072}))
    assert read_labels(tmp_path) == ["cat", "dog"]
    assert not is_cifar_batches(tmp_path)
    (tmp_path / "test_batch").touch()
    assert is_cifar_batches(tmp_path)


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.target,)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(pickle.dumps({b"data": Malicious(tmp_path / "made")}, protocol=3))
    with pytest.raises(ValueError, match="mkdir, which is not part of a CIFAR-10 batch"):
        read_batch(tmp_path / "b", 10)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((3, 3072), np.float32)}, "no uint8 array data"),
        ({"data": np.zeros((3, 100), np.uint8)}, "no uint8 array data"),
        ({"data": "text"}, "no uint8 array data"),
        ({"labels": [0, 1]}, "one entry for each of its 3 images"),
        ({"labels": [0, 1, 10]}, "labels outside of 0 to 9"),
    ],
)
def test_wrong_content_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "b").write_bytes(python2_pickle.dumps({**batch(), **change}))
    with pytest.raises(ValueError, match=message):
        read_batch(tmp_path / "b", 10)


def test_missing_cut_off_and_foreign_files(tmp_path: Path) -> None:
    whole = python2_pickle.dumps(batch())
    with pytest.raises(ValueError, match="missing: unpack"):
        read_batch(tmp_path / "b", 10)
    for content in (b"", b"no pickle", whole[:100], whole[:-1], python2_pickle.dumps([1, 2])):
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(ValueError, match="CIFAR-10 batch"):
            read_batch(tmp_path / "b", 10)
