"""The real command: what it makes, what it refuses, and that a killed run ends as if it had not been killed."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from export.models.checkpoint import load_checkpoint
from export.train.state import RunFolder
from export.train.train_one import main
from tests.export.train.training_runs import SMALL, finish, log_rows, small_pack, start

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_pack(tmp_path_factory.mktemp("data") / "pack.bin")


def small(pack: Path, build: Path, *more: str) -> list[str]:
    return [*SMALL, "--data", str(pack), "--build", str(build), "--epochs", "1", "--device", "cpu", *more]


# Interrupted by kill -9, SIGTERM and Ctrl-C, each at a random moment.


def wait_for_saves(process: subprocess.Popen[str], path: Path, count: int) -> None:
    """Until the process has saved its state `count` times."""
    deadline, seen = time.monotonic() + 120, path.stat().st_mtime_ns if path.exists() else 0
    while count and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
        now = path.stat().st_mtime_ns if path.exists() else 0
        count, seen = count - (now != seen), now


@pytest.mark.slow
def test_killed_and_resumed_it_ends_bit_for_bit_the_same(
    pack: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    epochs, most_saves = ("12", 4) if pytestconfig.getoption("--full") else ("5", 2)
    arguments = [*SMALL, "--data", str(pack), "--epochs", epochs, "--save-every", "0", "--device", "cpu"]
    arguments += ["--ema", "0.9", "--cutout", "2", "--threshold-lr", "2", "--scale"]
    process = start(*arguments, "--build", tmp_path / "whole", threads=2)
    output = finish(process)
    assert process.returncode == 0, output
    whole, parts = RunFolder(tmp_path / "whole", "small"), RunFolder(tmp_path / "parts", "small")
    signals = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    for number in signals if pytestconfig.getoption("--full") else [random.choice(signals)]:
        process = start(*arguments, "--build", tmp_path / "parts", threads=2)
        saves, pause = random.randint(1, most_saves), random.uniform(0, 0.1)
        print(f"{number.name} {pause:.3f} s after save {saves}")
        wait_for_saves(process, parts.last, saves)
        time.sleep(pause)
        process.send_signal(number)
        output = finish(process)
        if number == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL, output
        else:
            assert process.returncode == 130, output
            assert "the same command, without --overwrite, goes on from here" in output
        assert not parts.artefact.exists()
    process = start(*arguments, "--build", tmp_path / "parts", threads=2)
    output = finish(process)
    assert process.returncode == 0, output
    assert "goes on at epoch" in output
    assert whole.artefact.read_bytes() == parts.artefact.read_bytes()
    assert log_rows(whole.log) == log_rows(parts.log)


# In this process: what is refused, and what is kept.


def test_what_is_finished_is_not_overwritten_unasked(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artefact = tmp_path / "small.safetensors"
    assert main(small(pack, tmp_path)) == 0
    first = artefact.read_bytes()
    assert main(small(pack, tmp_path, "--seed", "1")) == 1
    assert "small.safetensors is there already: choose another --name, or --overwrite it" in capsys.readouterr().err
    assert artefact.read_bytes() == first
    assert main(small(pack, tmp_path, "--seed", "1", "--overwrite")) == 0
    assert artefact.read_bytes() != first
    assert main(small(pack, tmp_path, "--overwrite")) == 0
    assert artefact.read_bytes() == first
    config = json.loads((tmp_path / "small" / "config.json").read_text())
    assert config["seed"] == 0
    assert config["command"].endswith("--overwrite")


def test_an_unfinished_run_goes_on_only_with_the_same_options_and_data(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("export.train.train_one.evaluate_and_save", stop)
        assert main(small(pack, tmp_path)) == 130
    other = small_pack(tmp_path / "other.bin", train_each=7)
    assert main(small(pack, tmp_path, "--lr", "0.5")) == 1
    assert "--lr was 0.0125, is 0.5" in capsys.readouterr().err
    assert main(small(other, tmp_path)) == 1
    assert "--data holds other images" in capsys.readouterr().err
    moved = tmp_path / "moved.bin"
    moved.write_bytes(pack.read_bytes())
    assert main(small(moved, tmp_path, "--save-every", "1")) == 0
    assert "goes on at epoch 2" in capsys.readouterr().out


def test_a_name_that_is_a_shipped_model_s_is_told(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", str(pack), "--build", str(tmp_path), "--image-size", "8", "--epochs", "1", "--device", "cpu"]
    words += ["--no-report"]
    assert main([*words, "--seconds", "0.001"]) == 75
    assert "the result is called fwht_mobilenet_v2, as the model that is shipped" in capsys.readouterr().out
    assert main(small(pack, tmp_path, "--seconds", "0.001")) == 75
    assert "that is shipped" not in capsys.readouterr().out


def test_time_that_is_up_is_told_by_the_exit_status(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(small(pack, tmp_path, "--seconds", "0.001")) == 75
    assert "time is up; the state is saved: the same command" in capsys.readouterr().out
    assert main(small(pack, tmp_path)) == 0
    assert "goes on at epoch 1, step 2" in capsys.readouterr().out


def test_another_teacher_is_another_run(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(small(pack, tmp_path, "--name", "teacher")) == 0
    teacher = ["--teacher", str(tmp_path / "teacher.safetensors")]
    assert main(small(pack, tmp_path, *teacher, "--seconds", "0.001")) == 75
    assert main(small(pack, tmp_path)) == 1
    assert "--teacher was " in capsys.readouterr().err
    assert main(small(pack, tmp_path, *teacher)) == 0
    cards = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("teacher", "small")]
    assert cards[1]["training"]["teacher_sha256"] == cards[0]["sha256"]
    source = {"weights": f"teacher.safetensors ({cards[0]['architecture']})", "sha256": cards[0]["sha256"]}
    assert cards[1]["origin"] == {"teacher": source}


def test_initial_weights_are_part_of_the_run(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their tensors are there before the first step, their mean and std are the images', their hash binds the run."""
    shipped = Path("models/fwht_mobilenet_v2_slim.safetensors")
    init = ["--init", str(shipped), "--lr", "0"]
    assert main(small(pack, tmp_path, *init, "--seconds", "0.001")) == 75
    assert "262 of 262 tensors from models/fwht_mobilenet_v2_slim.safetensors" in capsys.readouterr().out
    assert main(small(pack, tmp_path, "--lr", "0")) == 1
    assert "--init was " in capsys.readouterr().err
    other = shutil.copy(tmp_path / "small" / "last.pt", tmp_path / "weights.pt")
    assert main(small(pack, tmp_path, "--init", str(other), "--lr", "0")) == 1
    assert "weights.pt holds no state dict" in capsys.readouterr().err
    assert main(small(pack, tmp_path, *init)) == 0
    assert "initial weights" not in capsys.readouterr().out
    model, card = load_checkpoint(tmp_path / "small.safetensors")
    first, first_card = load_checkpoint(shipped)
    assert card["origin"] == {
        "weights": "fwht_mobilenet_v2_slim.safetensors (fwht_mobilenet_v2_slim)",
        "sha256": first_card["sha256"],
    }
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), first.parameters()))
    assert card["preprocessing"] == {**first_card["preprocessing"], "size": 8}


@pytest.mark.parametrize(
    ("words", "variant", "shape"),
    [
        (["--pool", "--scale"], {"pool": True, "scale": True}, (2048,)),
        (["--paths", "3", "--soft"], {"paths": 3, "soft": True}, (3, 2048)),
    ],
)
def test_a_variant_is_kept_in_the_card_and_built_again(
    pack: Path, tmp_path: Path, words: list[str], variant: dict[str, object], shape: tuple[int, ...]
) -> None:
    assert main(small(pack, tmp_path, *words)) == 0
    model, card = load_checkpoint(tmp_path / "small.safetensors")
    assert card["variant"] == variant
    assert model.get_parameter("head.scale").shape == shape


def test_given_mean_and_std_are_used(pack: Path, tmp_path: Path) -> None:
    given = ["--mean", "125.3", "123", "113.9", "--std", "63", "62.1", "66.7", "--resize", "stretch"]
    assert main(small(pack, tmp_path, *given)) == 0
    preprocessing = json.loads((tmp_path / "small.json").read_text())["preprocessing"]
    assert preprocessing["mean"] == [125.3, 123.0, 113.9]
    assert preprocessing["std"] == [63.0, 62.1, 66.7]
    assert preprocessing["resize"] == "stretch"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "error: there is no file or folder nowhere"),
        (["--data", "docs"], "error: docs is no data set"),
        (["--precision", "fp16"], "error: --precision fp16 needs a GPU"),
        (["--cuda-graph"], "error: --cuda-graph needs a GPU"),
        (["--teacher", "nowhere.safetensors"], "error: nowhere.json is missing"),
        (["--init", "nowhere.pth"], "error: cannot read nowhere.pth: No such file or directory"),
        (["--init", "README.md"], "error: README.md cannot be read as weights"),
        (["--model", "resnet32", "--init", "models/mobilenet_v2.safetensors"], "pixels): of another architecture"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(small(pack, tmp_path, *arguments)) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an NVIDIA GPU")
def test_a_wanted_gpu_that_is_not_there_is_an_error(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*small(pack, tmp_path), "--device", "cuda"]) == 1
    assert "torch sees no GPU here" in capsys.readouterr().err


def test_overwrite_with_bad_data_costs_nothing(pack: Path, tmp_path: Path) -> None:
    assert main(small(pack, tmp_path)) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(small(tmp_path / "mistyped.bin", tmp_path, "--overwrite")) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unreadable_state_is_refused_with_the_cure(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "last.pt").write_bytes(b"nonsense")
    assert main(small(pack, tmp_path)) == 1
    assert "--overwrite starts the run afresh" in capsys.readouterr().err
    assert main(small(pack, tmp_path, "--overwrite")) == 0
