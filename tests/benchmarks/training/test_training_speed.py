"""The real steps, timed in small; a variant that fails is named and the others are measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.training.training_speed import main


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an NVIDIA GPU: the variants are others")
@pytest.mark.usefixtures("one_thread")
def test_small_steps_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "speed.json"
    words = ["--models", "resnet32", "--variants", "fp32", "fp32 --cuda-graph", "--batches", "2", "4", "--size", "8"]
    main([*words, "--seconds", "0.01", "--out", str(out)])
    result = json.loads(out.read_text())
    assert result["gpu"] is None
    assert [(row["variant"], row["batch"]) for row in result["rows"]] == [("fp32", 2), ("fp32", 4)]
    assert all(row["epoch_s"] > 0 and row["first_s"] > 0 for row in result["rows"])
    assert capsys.readouterr().out.count("resnet32") == 2


def test_a_variant_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of launches\nand a long story")

    monkeypatch.setattr("benchmarks.training.training_speed.measure", fail)
    out = tmp_path / "speed.json"
    main(["--models", "resnet32", "--variants", "fp32", "--batches", "2", "4", "--out", str(out)])
    assert [row["error"] for row in json.loads(out.read_text())["rows"]] == ["RuntimeError: out of launches"] * 2
