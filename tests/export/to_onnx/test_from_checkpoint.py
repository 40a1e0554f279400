"""The command that exports weights: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from export.models import build_model
from export.models.checkpoint import save_checkpoint
from export.to_onnx.from_checkpoint import SAMPLES, export_checkpoint, main
from export.to_onnx.from_model import build_onnx_model
from tests.export.to_onnx.plain_card import card


def test_a_wrong_file_fails_parity_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One threshold off by 0.5 in the ONNX: seen, named, and neither ONNX nor golden file is left behind."""
    import export.to_onnx.from_checkpoint as command

    def slightly_wrong(*arguments: Any) -> onnx.ModelProto:
        proto = build_onnx_model(*arguments)
        (weight,) = (w for w in proto.graph.initializer if w.name == "blocks.15.expand.thresholds")
        values = numpy_helper.to_array(weight).copy()
        values[1] += 0.5
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
        return proto

    monkeypatch.setattr(command, "build_onnx_model", slightly_wrong)
    out = tmp_path / "fwht_mobilenet_v2.onnx"
    assert main(["fwht_mobilenet_v2", "--out", str(out)]) == 1
    assert "disagree" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "mine.safetensors"
    save_checkpoint(checkpoint, build_model("fwht_mobilenet_v2_slim", 3, 40), card("fwht_mobilenet_v2_slim", 3, 40))
    print(export_checkpoint(checkpoint, tmp_path / "mine.onnx", SAMPLES, 5))
    assert "tolerance" in capsys.readouterr().out
    golden = np.load(tmp_path / "mine.golden.npz")
    assert golden["image"].shape == (5, 3, 40, 40) and golden["logits"].shape == (5, 3)
    session = onnxruntime.InferenceSession(str(tmp_path / "mine.onnx"))
    np.testing.assert_array_equal(session.run(None, {"image": golden["image"]})[0], golden["logits"])


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["nobody"], "no weights called 'nobody'"),
        (["fwht_mobilenet_v2", "--data", "/nowhere"], "nowhere"),
        (["x", "--checkpoint", "/nowhere/x.safetensors"], "is missing"),
    ],
)
def test_command_refuses(arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out.onnx")]) == 1
    assert word in capsys.readouterr().err and list(tmp_path.iterdir()) == []
