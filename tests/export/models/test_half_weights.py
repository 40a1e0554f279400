"""Weights rounded to float16 with their card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from export.models import build_model, get_weights
from export.models.checkpoint import load_card, load_checkpoint, save_checkpoint
from export.models.half_weights import main

CARD: dict[str, Any] = {
    "architecture": "resnet32",
    "labels": ["a", "b"],
    "preprocessing": {"size": 8, "resize": "crop", "colour": "RGB", "mean": [0.0] * 3, "std": [1.0] * 3},
    "accuracy": {"top1": 0.5, "images": 20, "data": "pack.bin", "note": "float32"},
    "training": {"seed": 3},
}


def test_shipped_weights_are_the_trained_ones_rounded(tmp_path: Path) -> None:
    trained = build_model("resnet32", 2, 8)
    save_checkpoint(tmp_path / "mine.safetensors", trained, CARD)
    words = ["mine", "--build", str(tmp_path), "--models", str(tmp_path / "models"), "--data-note", "JPEG copies"]
    assert main(words) == 0
    target = tmp_path / "models" / "mine.safetensors"
    model, card = load_checkpoint(target)
    assert all(
        torch.equal(value, get_weights(trained)[name].half().float()) for name, value in get_weights(model).items()
    )
    assert {value.dtype for value in load_file(target).values()} == {torch.float16}
    assert target.stat().st_size < 0.55 * (tmp_path / "mine.safetensors").stat().st_size
    assert card["dtype"] == "float16" and card["training"] == {"seed": 3}
    assert card["accuracy"]["data"] == "JPEG copies"
    assert card["accuracy"]["note"] == "float32; of the weights before they were rounded to float16"
    assert card["sha256"] != load_card(tmp_path / "mine.safetensors")["sha256"]


def test_what_float16_does_not_hold_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_model("resnet32", 2, 8)
    model.get_parameter("stem.weight").data[0] = 1e5
    save_checkpoint(tmp_path / "big.safetensors", model, CARD)
    assert main(["big", "--build", str(tmp_path), "--models", str(tmp_path / "models")]) == 1
    assert "float16 does not hold the values of stem.weight" in capsys.readouterr().err
    assert main(["none", "--build", str(tmp_path)]) == 1
    assert "none.json is missing" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
