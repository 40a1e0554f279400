"""Rows of images without Ray: the server's own answers, bad images, and a folder that cannot be written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="the bulk extra is not installed; test_bulk.py fails for that where asked to")

from pyarrow import parquet

from server.backends.choice import Choice
from server.bulk.output import Output
from server.bulk.source import Folder, open_source
from server.bulk.worker import TRIES, Job, Worker, classify
from server.models.model import load_model
from tests.server.support.http_server import ROOT

from ..support.app_client import AppClient

SAMPLES = sorted((ROOT / "tests" / "data").glob("*.jpg"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for sample in SAMPLES:
        shutil.copy(sample, folder)
    cat = SAMPLES[1].read_bytes()
    (folder / "cut.jpg").write_bytes(cat[:400])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.txt").write_text("no image")
    return folder


def job(images: Path, output: Path, tiny: Path, batch: int = 2, top_k: int = 3) -> Job:
    return Job(images, output, "tiny", tiny.read_bytes(), batch, top_k, 1)


def listed(images: Path, folder: Path, size: int = 100) -> Output:
    output = Output(folder)
    output.begin({})
    output.add(open_source(images).list_names(), size)
    return output


def test_the_servers_answers(images: Path, tmp_path: Path, tiny: Path, client: AppClient) -> None:
    output = listed(images, tmp_path / "rows")
    counts = Worker(job(images, tmp_path / "rows", tiny))({"part": np.array([0])})
    assert {name: column.tolist() for name, column in counts.items() if name != "began"} == {
        "images": [len(SAMPLES) + 3],
        "bad": [3],
        "problem": [""],
    }
    rows = {row["path"]: row for row in parquet.read_table(tmp_path / "rows").to_pylist()}
    assert list(rows) == output.read_names(0)
    for name, row in rows.items():
        answer = client.post("/v1/classify?top_k=3", files={"file": (images / name).read_bytes()})
        if row["error"]:
            assert answer.status_code == 400 and answer.json()["detail"].endswith(row["error"])
            assert set(row.values()) == {name, row["error"], None}
            continue
        (result,) = answer.json()["results"]
        assert [row["width"], row["height"]] == [result["image"]["width"], result["image"]["height"]]
        assert row["top_labels"] == [one["label"] for one in result["predictions"]]
        assert row["top_class_ids"] == [one["class_id"] for one in result["predictions"]]
        # Batches of other sizes add up in another order: float32, then rounded to six digits.
        assert row["top_scores"] == pytest.approx([one["score"] for one in result["predictions"]], abs=2e-6)
        assert [row["label"], row["class_id"], row["score"]] == [
            row[f"top_{key}"][0] for key in ("labels", "class_ids", "scores")
        ]


def test_rows_without_a_label_say_why(images: Path, tmp_path: Path, tiny: Path) -> None:
    """As the server's answer: the predictions are there, and what is no image has its own reason."""
    output = listed(images, tmp_path / "rows")
    Worker(replace(job(images, tmp_path / "rows", tiny), min_score=1.0))({"part": np.array([0])})
    table = parquet.read_table(tmp_path / "rows")
    assert table.schema.names[-2:] == ["reason", "error"]
    for row in table.to_pylist():
        assert row["label"] is None and row["class_id"] is None
        if row["error"]:
            assert row["reason"] is None and row["top_labels"] is None
            continue
        assert row["reason"].startswith("the highest score, ") and row["score"] == row["top_scores"][0] > 0
        assert len(row["top_labels"]) == 3
    done = output.find_done(0)
    assert done and done.bad == sum(row["error"] is not None for row in table.to_pylist())


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_order_and_number_do_not_depend_on_the_batch(images: Path, tmp_path: Path, tiny: Path, batch: int) -> None:
    model = load_model(str(tiny), Choice("onnxruntime", threads=1))
    names = open_source(images).list_names() * 9  # more than are read ahead
    rows = list(classify(model, open_source(images), names, job(images, tmp_path, tiny, batch)))
    assert [row["path"] for row in rows] == names
    assert sum(row["error"] is not None for row in rows) == 27


def test_an_image_that_has_gone_is_bad(images: Path, tmp_path: Path, tiny: Path) -> None:
    listed(images, tmp_path / "rows")
    (images / "cat.jpg").unlink()
    Worker(job(images, tmp_path / "rows", tiny))({"part": np.array([0])})
    rows = {row["path"]: row["error"] for row in parquet.read_table(tmp_path / "rows").to_pylist()}
    assert rows["cat.jpg"] == "No such file or directory"


def test_a_part_that_cannot_be_written_is_told(images: Path, tmp_path: Path, tiny: Path) -> None:
    listed(images, tmp_path / "rows")
    worker = Worker(job(images, tmp_path / "rows", tiny))
    (tmp_path / "rows" / "part-000000.parquet").mkdir()
    (problem,) = worker({"part": np.array([0])})["problem"]
    assert problem.startswith("part 0 was not done: ") and "Is a directory" in problem


def test_a_part_that_ends_its_workers_is_given_up(images: Path, tmp_path: Path, tiny: Path) -> None:
    output = listed(images, tmp_path / "rows")
    for _ in range(TRIES):
        output.count_try(0)
    (problem,) = Worker(job(images, tmp_path / "rows", tiny))({"part": np.array([0])})["problem"]
    assert "3 processes ended at part 0 (airplane.jpg to text.txt)" in problem
    assert json.loads((tmp_path / "rows" / "_bulk" / "part-000000.json").read_bytes()) == output.read_names(0)


@pytest.mark.parametrize("lost", ["Stale file handle", "the folder"])
def test_images_that_are_away_for_a_while_are_not_bad(
    images: Path, tmp_path: Path, tiny: Path, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system that hiccups, or a source that is unmounted: the next start does the part."""
    output = listed(images, tmp_path / "rows")
    worker = Worker(job(images, tmp_path / "rows", tiny))
    if lost == "the folder":
        images.rename(tmp_path / "away")
    else:
        monkeypatch.setattr(Folder, "_read", staticmethod(stale))
    (problem,) = worker({"part": np.array([0])})["problem"]
    assert problem.startswith("part 0 was not done: ") and output.find_done(0) is None


def stale(path: Path) -> bytes:
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
