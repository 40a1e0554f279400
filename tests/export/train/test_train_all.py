"""Every model by one command, in as many goes as it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from export.models.checkpoint import load_checkpoint
from export.train.train_all import main
from tests.export.train.training_runs import small_pack

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ["--image-size", "8", "--batch-size", "16", "--epochs", "1", "--holdout", "0.1", "--device", "cpu"]
QUICK += ["--no-report"]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_pack(tmp_path_factory.mktemp("data") / "pack.bin")


def go(pack: Path, build: Path, *words: str) -> int:
    return main(["--data", str(pack), "--build", str(build), *words, *QUICK])


def test_the_baseline_first_then_those_that_learn_from_it(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--models", "resnet32", "mobilenet_v2", "--seeds", "0", "1", "--distil"]
    assert go(pack, tmp_path, *words) == 0
    printed = capsys.readouterr().out
    assert "0 of 4 models are done; to do: mobilenet_v2, resnet32, mobilenet_v2-1, resnet32-1" in printed
    made = {path.stem for path in tmp_path.glob("*.safetensors")}
    assert made == {"mobilenet_v2", "resnet32", "mobilenet_v2-1", "resnet32-1"}
    cards = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in made}
    assert "teacher_sha256" not in cards["mobilenet_v2"]["training"]
    assert {cards[name]["training"]["teacher_sha256"] for name in ("resnet32", "resnet32-1")} == {
        cards["mobilenet_v2"]["sha256"]
    }
    assert cards["resnet32-1"]["training"]["seed"] == 1
    assert "--ema 0.998" in cards["resnet32"]["training"]["command"]
    assert load_checkpoint(tmp_path / "resnet32-1.safetensors")[1]["architecture"] == "resnet32"
    assert go(pack, tmp_path, *words) == 0
    assert "4 of 4 models are done; to do: none" in capsys.readouterr().out


def test_time_that_is_up_ends_a_go_and_the_next_one_goes_on(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--models", "resnet32"]
    assert go(pack, tmp_path, *words, "--seconds", "0.001") == 75
    assert "time is up; the same command goes on from here" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert go(pack, tmp_path, *words, "--seconds", "600") == 0
    assert "1 of 1 models" not in capsys.readouterr().out


def test_one_that_fails_does_not_stop_the_others(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "resnet32").mkdir()
    (tmp_path / "resnet32" / "last.pt").write_bytes(b"nonsense")
    assert go(pack, tmp_path, "--models", "resnet32", "fwht_mobilenet_v2_slim") == 1
    assert "error: resnet32: " in capsys.readouterr().err
    assert (tmp_path / "fwht_mobilenet_v2_slim.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--overwrite"], "to train a model again, remove"),
        (["--models", "resnet"], "invalid choice"),
        (["--epoch-s", "3"], "unrecognized"),
        (["--pool"], "mobilenet_v2 has no variant 'pool'"),
    ],
)
def test_wrong_options(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        go(pack, tmp_path, *words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
