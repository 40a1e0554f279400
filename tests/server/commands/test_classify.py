"""`python -m server classify`, with the shipped model and without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness import tiny_models
from server.commands import classify as classify_command
from server.errors import StartupError
from server.settings import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parents[3]
CAT, SHIP = str(ROOT / "tests" / "data" / "cat.jpg"), str(ROOT / "tests" / "data" / "ship.jpg")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx"))


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command.main([CAT, SHIP, "--top-k", "2"]) == 0
    output, errors = capsys.readouterr()
    header, cat, _, ship, _, engine = output.splitlines()
    assert engine == f"{DEFAULT_MODEL}: onnxruntime, fp32, function body, on cpu"
    assert header.split() == ["image", "label", "score", "ms"]
    assert cat.split()[:2] == [CAT, "cat"] and ship.split()[:2] == [SHIP, "ship"]
    assert errors == ""


def test_layers(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command.main([CAT, "--model", tiny, "--layers"]) == 0
    output = capsys.readouterr().out
    assert "blocks.1.expand" in output and "FWHTLayer" in output
    assert "sum_ms" in output and "unattributed_ms" in output


def test_json(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command.main([CAT, "nowhere.jpg", "--model", tiny, "--layers", "--json", "--top-k", "1"]) == 1
    answer = json.loads(capsys.readouterr().out)
    good, bad = answer["results"]
    assert good["file"] == CAT and len(good["predictions"]) == 1 and good["timings_ms"]["total"] > 0
    assert bad == {"file": "nowhere.jpg", "error": "No such file or directory"}
    assert (answer["backend"], answer["precision"]) == ("onnxruntime", "fp32")
    assert answer["model"] == "tiny" and answer["layers"]["items"]


def test_bad_images_are_named_and_spoil_no_other(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    assert classify_command.main([str(text), str(tmp_path), CAT, "--model", tiny]) == 1
    output, errors = capsys.readouterr()
    assert CAT in output
    assert f"error: {text}: the file is not an image" in errors and f"error: {tmp_path}: Is a directory" in errors


def test_only_bad_images(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command.main(["nowhere.jpg", "--model", tiny, "--layers"]) == 1
    output, errors = capsys.readouterr()
    assert output == "" and "nowhere.jpg" in errors


@pytest.mark.parametrize("top_k", ["0", "-1", "5"])
def test_top_k_out_of_range(tiny: str, top_k: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify_command.main([CAT, "--model", tiny, f"--top-k={top_k}"]) == 2
    assert "it must be from 1 to 4" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], [CAT, "--top-k", "x"], [CAT, "--wrong"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        classify_command.main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m server classify" in capsys.readouterr().err


def test_unknown_model() -> None:
    with pytest.raises(StartupError, match="there is no model 'none': choose from"):
        classify_command.main([CAT, "--model", "none"])


def test_the_command_itself() -> None:
    environment = {"PATH": os.environ["PATH"], "FWHT_NATIVE": "off"}
    command = [sys.executable, "-m", "server", "classify", CAT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.splitlines()[1].split()[1] == "cat" and done.stderr == ""


def test_no_torch_is_loaded(tiny: str) -> None:
    code = (
        "import sys; from server.commands import classify;"
        f"classify.main([{CAT!r}, '--model', {tiny!r}, '--layers']);"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
