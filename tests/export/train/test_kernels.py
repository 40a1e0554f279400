"""What runs the FWHT layers of a training, what it says of it, and that a run goes on with other kernels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from export.models import build_model
from export.ops.fwht_2d import FWHT2D
from export.train.kernels import describe_kernels
from export.train.options import Options, parse_options
from export.train.state import TrainingError
from export.train.stop_signals import EXIT_TIME_IS_UP
from export.train.train_one import main
from tests.export.train.training_runs import SMALL, small_pack
from tests.plugins.native import build_library

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def parse(*words: str) -> Options:
    return parse_options(["--data", "none", *words])


@pytest.fixture(scope="module")
def hybrid() -> torch.nn.Module:
    return build_model("fwht_mobilenet_v2", 10, 32)


def test_kernels_by_mode(hybrid: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    build_library()
    for mode in ("auto", "required"):
        monkeypatch.setenv("FWHT_NATIVE", mode)
        for words in ([], ["--precision", "bf16"]):
            assert (describe_kernels(hybrid, parse(*words), CPU) or "").startswith("native ")
    monkeypatch.setenv("FWHT_NATIVE", "off")
    assert describe_kernels(hybrid, parse(), CPU) == "PyTorch"
    assert describe_kernels(hybrid, parse(), torch.device("cuda")) is None
    assert describe_kernels(torch.nn.Sequential(FWHT2D(3, 8)), parse(), CPU) == "PyTorch"
    assert describe_kernels(build_model("mobilenet_v2", 10, 32), parse(), CPU) is None
    monkeypatch.setenv("FWHT_NATIVE", "on")
    with pytest.raises(TrainingError, match="must be one of"):
        describe_kernels(hybrid, parse(), CPU)


@pytest.mark.parametrize("words", [["--precision", "fp16"], ["--compile"], ["--compile", "--precision", "bf16"]])
def test_what_the_kernels_do_not_train(
    hybrid: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("FWHT_NATIVE", "auto")
    assert describe_kernels(hybrid, parse(*words), CPU) == "PyTorch"
    monkeypatch.setenv("FWHT_NATIVE", "required")
    with pytest.raises(TrainingError, match="--precision fp32 or bf16, without --compile"):
        describe_kernels(hybrid, parse(*words), CPU)


@pytest.mark.parametrize("words", [[], ["--model", "fwht2d_resnet20_p3", "--precision", "bf16"]], ids=["", "2d"])
def test_a_run_goes_on_with_the_native_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """From a state made without them; two runs that do the same end with the same bits."""
    build_library()
    pack = small_pack(tmp_path / "pack.bin")
    weights = set()
    for build in (tmp_path / "first", tmp_path / "second"):
        command = [*SMALL, *words, "--data", str(pack), "--build", str(build), "--epochs", "1", "--device", "cpu"]
        monkeypatch.setenv("FWHT_NATIVE", "off")
        assert main([*command, "--seconds", "0.001"]) == EXIT_TIME_IS_UP
        assert "kernels: PyTorch" in capsys.readouterr().out
        monkeypatch.setenv("FWHT_NATIVE", "required")
        assert main(command) == 0
        assert "kernels: native" in capsys.readouterr().out
        assert json.loads((build / "small" / "config.json").read_text())["kernels"].startswith("native")
        weights.add((build / "small.safetensors").read_bytes())
    assert len(weights) == 1
