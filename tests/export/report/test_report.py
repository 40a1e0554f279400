"""The report of a model: its numbers beside those counted one by one, its pictures, and the command that makes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from export.data.datasets import load_dataset
from export.report.from_weights import main, read_log
from export.report.measures import MISTAKES, measure_report
from export.report.page import write_report
from tests.export.train.training_runs import ROOT, TRAIN_400

ODD = ["花 & co", "pri$e $x$ <b>", "a, b", "never answered", "no image"]


def measure(images: int = 200) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    class_ids = random.integers(0, 4, images)
    logits = random.normal(size=(images, 5)).astype(np.float32)
    logits[np.arange(images), class_ids] += 1
    logits[:, 3] = -9
    logits[:, 4] -= 2
    names = [f"test/x/{i}.jpg" for i in range(images)]
    return measure_report(logits, class_ids, ODD, 0.8, names), logits, class_ids


def test_the_numbers_are_those_counted_one_by_one() -> None:
    report, logits, class_ids = measure()
    answers = logits.argmax(axis=1)
    for i, one in enumerate(report["classes"]):
        right = sum(a == c == i for a, c in zip(answers, class_ids))
        images, answered = int((class_ids == i).sum()), int((answers == i).sum())
        assert (one["label"], one["images"], one["answers"]) == (ODD[i], images, answered)
        assert one["recall"] == (right / images if images else None)
        assert one["precision"] == (right / answered if answered else None)
        assert report["confusion"][i] == [sum(answers[class_ids == i] == j) for j in range(5)]
    accuracy = report["accuracy"]
    assert accuracy["top1"] == accuracy["right"] / 200 == (answers == class_ids).mean()
    assert accuracy["low"] < accuracy["top1"] < accuracy["high"]
    assert len(report["mistakes"]) == MISTAKES
    scores = [mistake["score"] for mistake in report["mistakes"]]
    assert scores == sorted(scores, reverse=True)
    first = report["mistakes"][0]
    assert first["name"] == f"test/x/{first['image']}.jpg" and ODD[answers[first["image"]]] == first["answer"]
    json.dumps(report, allow_nan=False)


def test_the_interval_is_wilson_s() -> None:
    report, *_ = measure()
    n, p, z = 200, report["accuracy"]["top1"], 1.959964
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    wanted = [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    assert [report["accuracy"]["low"], report["accuracy"]["high"]] == pytest.approx(wanted, abs=1e-6)  # z has 7 digits


@pytest.mark.parametrize("right", [False, True])
def test_pictures_and_page_whatever_the_classes_are_called(tmp_path: Path, right: bool) -> None:
    report, logits, class_ids = measure()
    if right:
        report = measure_report(logits, logits.argmax(axis=1), ODD, None, [""] * 200)
    images = np.zeros((len(report["mistakes"]), 8, 8, 3), np.uint8)
    row: dict[str, float | None] = {"train_loss": 1.0, "train_accuracy": 0.5, "heldout_accuracy": None}
    rows = [{"epoch": 1.0, **row}, {"epoch": 2.0, **row}]
    named = {"name": "<odd>", "data": "a & b", "made_by": "again"}
    page = write_report(tmp_path, {**named, **report}, images, rows)
    pictures = {"confusion.svg", "calibration.svg", "mistakes.svg", "curves.svg"}
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.html", *pictures}
    texts = {name: "".join(ElementTree.parse(tmp_path / name).getroot().itertext()) for name in pictures}
    assert all(label in texts["confusion.svg"] for label in ODD)
    assert ("No test image is classified wrong" in texts["mistakes.svg"]) == right
    assert "&lt;odd&gt;" in page.read_text() and "pri$e $x$ &lt;b&gt;" in page.read_text()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_report(tmp_path, {**named, **report}, images, rows)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_report(tmp_path, {**named, **report}, images, [])
    assert not (tmp_path / "curves.svg").exists()


def test_many_classes_have_a_matrix_without_names(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = [f"class {i}" for i in range(100)]
    report = measure_report(random.normal(size=(50, 100)), random.integers(0, 100, 50), labels, None, [""] * 50)
    named = {"name": "many", "data": "d", "made_by": "again"}
    write_report(tmp_path, {**named, **report}, np.zeros((20, 8, 8, 3), np.uint8), [])
    assert "class 50" not in (tmp_path / "confusion.svg").read_text()


def test_shipped_weights_are_reported_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "fwht_mobilenet_v2_slim"
    assert main([name, "--data", str(TRAIN_400), "--build", str(tmp_path)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == tmp_path / f"{name}.report" / "report.html"
    report = json.loads(page.with_name("report.json").read_text())
    assert report["images"] == len(load_dataset(TRAIN_400, 8).test.class_ids)
    assert report["accuracy"]["top1"] > 0.8 and report["epochs"] == []
    card = json.loads((ROOT / f"models/{name}.json").read_text())
    assert report["weights_sha256"] == card["sha256"]
    assert report["calibration"]["temperature"] == card.get("temperature")


def test_what_cannot_be_reported_on_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str) -> str:
        assert main([*arguments, "--build", str(tmp_path)]) == 1
        return capsys.readouterr().err

    assert "there are no weights called 'nothing'" in said("nothing", "--data", str(TRAIN_400))
    assert "there is no file or folder nowhere" in said("mobilenet_v2", "--data", "nowhere")
    other = tmp_path / "other.bin"
    other.write_bytes(TRAIN_400.read_bytes())
    other.with_name("other.bin.labels.json").write_text(json.dumps([f"c{i}" for i in range(10)]))
    message = said("mobilenet_v2", "--data", str(other))
    assert "has the classes c0" in message and "name the data that it was trained on" in message
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    monkeypatch.setattr("export.report.from_weights.predict", lambda *_: np.eye(10)[np.arange(100) % 10])
    assert "is missing: python -m pip install '.[train]'" in said("mobilenet_v2", "--data", str(TRAIN_400))
    assert read_log(tmp_path / "log.csv") == []
