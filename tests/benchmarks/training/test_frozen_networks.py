"""Both sides of a small model, timed in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.training.frozen_networks import compare_answers, main
from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.transfer.frozen_network import OnnxNetwork, freeze

PREPROCESSING = {"size": 16, "resize": "crop", "colour": "RGB", "mean": [120.0] * 3, "std": [60.0] * 3}


@pytest.mark.usefixtures("one_thread")
def test_small_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, out = tmp_path / "small.safetensors", tmp_path / "result.json"
    card = {"name": "small", "architecture": "resnet32", "labels": ["a", "b"], "preprocessing": PREPROCESSING}
    save_checkpoint(weights, build_model("resnet32", 2, 16), card)
    sizes = ["--batch", "2", "--rounds", "1", "--seconds", "0.01", "--threads", "1"]
    main(["--weights", str(weights), *sizes, "--out", str(out)])
    result = json.loads(out.read_text())
    assert [row["side"] for row in result["rows"]] == ["PyTorch", "ONNX Runtime"] * 2
    assert all(row["images_per_s"] > 0 for row in result["rows"])
    assert result["rows"][1]["tolerance_used"] <= 1 and result["instruction_set"]
    assert capsys.readouterr().out.count("images/s") == 4


@torch.inference_mode()
def test_another_network_ends_the_run() -> None:
    torch.manual_seed(0)
    one, other = (build_model("resnet32", 2, 16).eval() for _ in range(2))
    frozen = freeze(other)
    assert isinstance(frozen, OnnxNetwork)
    with pytest.raises(SystemExit, match="times the tolerance"):
        compare_answers(one, frozen, torch.randn(2, 3, 16, 16))
