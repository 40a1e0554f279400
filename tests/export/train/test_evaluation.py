"""The end of a run: card, temperature and report, for data at an odd place, too; a temperature for older weights."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from export.data.datasets import Dataset, Part
from export.models.checkpoint import load_checkpoint
from export.report.from_weights import main as report
from export.to_onnx.from_model import build_onnx_model
from export.train import calibrate_weights
from export.train.evaluation import describe_scores, list_neglected
from export.train.train_one import main
from tests.export.data.test_datasets import pixels, png
from tests.export.report.test_calibration import draw
from tests.export.train.training_runs import SMALL, small_pack

REPORTED = [word for word in SMALL if word != "--no-report"]

pytestmark = pytest.mark.usefixtures("one_thread")


def make_odd_data(folder: Path) -> Path:
    """Two classes with odd names at a place whose name is odd, and no UTF-8."""
    data = Path(os.fsdecode(os.fsencode(folder) + b"/it's [a] $(place) gr\xfcn"))
    for part, count in (("train", 12), ("valid", 20), ("test", 3)):
        for seed, label in enumerate(("花, 2", "$x$ <b>")):
            place = data / part / label
            place.mkdir(parents=True)
            for i in range(count):
                (place / f"{i}.png").write_bytes(png(pixels(100 * seed + i, 8, 8)))
    return data


def test_data_at_an_odd_place_end_with_card_temperature_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_odd_data(tmp_path)
    build = tmp_path / "build it"
    words = ["--data", str(data), "--build", str(build), "--epochs", "2", "--device", "cpu", "--ema", "0.5"]
    assert main([*REPORTED, *words]) == 0
    printed = capsys.readouterr().out
    assert "it's [a] $(place) gr\\xfcn (image folder, 24 training, 40 held-out and 6 test images)" in printed
    assert printed.splitlines()[-1] == f"{build / 'small.report' / 'report.html'}: how good each class is"
    model, card = load_checkpoint(build / "small.safetensors")
    assert card["labels"] == ["$x$ <b>", "花, 2"]
    assert card["training"]["heldout_images"] == 40
    assert "ece_before" in card["calibration"]
    made = json.loads((build / "small.report" / "report.json").read_text())
    assert made["accuracy"]["top1"] == pytest.approx(card["accuracy"]["top1"], abs=1e-6)
    assert made["calibration"]["temperature"] == card.get("temperature")
    assert [row["epoch"] for row in made["epochs"]] == [1, 2]
    assert report(["small", "--data", str(data), "--build", str(build)]) == 0
    again = json.loads((build / "small.report" / "report.json").read_text())
    assert {**again, "made_by": ""} == {**made, "made_by": ""}
    properties = {p.key: p.value for p in build_onnx_model(model, {**card, "temperature": 0.8125}).metadata_props}
    assert properties["temperature"] == "0.8125"


def test_a_missing_library_costs_the_report_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("export.report.p") or name.endswith("from_weights")]:
        monkeypatch.delitem(sys.modules, name)
    pack = small_pack(tmp_path / "pack.bin", train_each=4)
    words = ["--data", str(pack), "--build", str(tmp_path), "--epochs", "1", "--device", "cpu"]
    assert main([*REPORTED, *words]) == 0
    assert "no report: matplotlib is missing (python -m pip install '.[train]')" in capsys.readouterr().out
    assert (tmp_path / "small.safetensors").exists() and not (tmp_path / "small.report").exists()


def test_the_card_tells_the_error_without_and_with_the_temperature() -> None:
    held_out, test = draw(2000, factor=2.5), draw(2000, factor=2.5, seed=1)
    scores = describe_scores(*held_out, *test)
    assert scores["temperature"] == pytest.approx(2.5, rel=0.1)
    assert scores["calibration"]["ece_after"] < 0.03 < 0.1 < scores["calibration"]["ece_before"]
    assert scores["calibration"]["fitted_on"] == scores["calibration"]["test_images"] == 2000


def test_classes_that_one_number_hides_are_named() -> None:
    class_ids = np.array([0] * 90 + [1] * 9 + [2])
    part = Part(np.zeros((100, 1, 1, 3), np.uint8), class_ids)
    dataset = Dataset(part, part, ["a", "b, c", "d", "no image"], "", 0, [])
    always_a = np.eye(4)[np.zeros(100, int)]
    assert list_neglected(always_a, dataset) == ['"b, c" 0%', "d 0%"]
    assert list_neglected(np.eye(4)[class_ids], dataset) == []


def test_what_helps_nothing_is_left_out() -> None:
    few = describe_scores(*draw(20), *draw(2000))
    assert few.keys() == {"calibration"} and "20 held-out images are too few" in few["calibration"]["note"]
    none = describe_scores(np.zeros((0, 0), np.float32), np.zeros(0, np.int64), *draw(100))
    assert none.keys() == {"calibration"}


def test_weights_without_a_temperature_get_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = small_pack(tmp_path / "pack.bin", train_each=10)
    words = ["--data", str(pack), "--build", str(tmp_path), "--epochs", "1", "--device", "cpu", "--holdout", "0.5"]
    assert main([*SMALL, *words, "--model", "resnet32"]) == 0
    weights = tmp_path / "small.safetensors"
    before = json.loads(weights.with_suffix(".json").read_text())
    stripped = {key: value for key, value in before.items() if key not in ("temperature", "calibration")}
    weights.with_suffix(".json").write_text(json.dumps(stripped))
    capsys.readouterr()
    assert calibrate_weights.main([str(weights), "--data", str(pack), "--holdout", "0.5"]) == 0
    assert json.loads(weights.with_suffix(".json").read_text()) == before
    assert calibrate_weights.main(["nothing", "--data", str(pack)]) == 1
    assert "there are no weights called 'nothing'" in capsys.readouterr().err
