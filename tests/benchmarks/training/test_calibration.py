"""The calibration of shipped models on a few images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training.calibration import judge, main
from tests.export.report.test_calibration import draw

ROOT = Path(__file__).resolve().parents[3]


def test_a_shipped_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "calibration.json"
    words = ["--data", str(ROOT / "tests/data/cifar10_train_400.bin"), "--images", "60", "--out", str(out)]
    assert main(["fwht_mobilenet_v2_slim", "--models", str(ROOT / "models"), *words]) == 0
    row = json.loads(out.read_text())["models"]["fwht_mobilenet_v2_slim"]
    assert (row["fitted_on"], row["test_images"]) == (60, 100)
    assert row["top1"] > 0.7 and 0 < row["ece_lowest"] <= row["ece"]
    assert main(["nothing", "--models", str(tmp_path), *words]) == 1
    assert "error: " in capsys.readouterr().err


def test_the_lowest_is_that_of_any_temperature() -> None:
    row = judge(*draw(3000, factor=2.0), *draw(3000, factor=2.0, seed=1))
    assert row["temperature"] == pytest.approx(2.0, rel=0.1) == row["temperature_lowest"]
    assert row["ece_lowest"] <= row["ece_fitted"] < 0.03 < row["ece"]
    assert judge(*draw(10), *draw(50))["ece_fitted"] is None
    assert np.isfinite(row["ece_lowest"])
