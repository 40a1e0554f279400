"""Whole steps with and without the native kernels, timed in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.training import training_kernels
from benchmarks.training.training_kernels import compare_losses, main
from tests.plugins.native import build_library


@pytest.mark.usefixtures("one_thread")
def test_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    build_library()
    monkeypatch.setenv("FWHT_NATIVE", "required")  # set back afterwards
    out, model = tmp_path / "kernels.json", "fwht_mobilenet_v2_slim --soft"
    sizes = ["--batch", "2", "--size", "8", "--rounds", "1", "--seconds", "0.01", "--threads", "1"]
    main(["--models", model, *sizes, "--out", str(out)])
    result = json.loads(out.read_text())
    assert [(row["model"], row["native"]) for row in result["rows"]] == [
        ("mobilenet_v2", False),
        (model, True),
        (model, False),
    ]
    assert all(row["images_per_s"] > 0 for row in result["rows"])
    assert result["instruction_set"] and result["loss_differences"][model] <= training_kernels.MOST_DIFFERENCE
    assert capsys.readouterr().out.count("of the baseline") == 3
    monkeypatch.setattr(training_kernels, "MOST_DIFFERENCE", -1)
    with pytest.raises(SystemExit, match="with and without the kernels"):
        compare_losses("fwht_mobilenet_v2_slim", 2, 8)
