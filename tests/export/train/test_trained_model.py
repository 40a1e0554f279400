"""A model trained by the real command on a few hundred images: what it learnt, its card, and the way to an answer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from export.data.datasets import load_dataset
from export.data.packed_images import CIFAR10_LABELS
from export.models.checkpoint import load_checkpoint
from export.to_onnx.from_checkpoint import main as export_onnx
from export.train.batches import Batches, mean_and_std
from export.train.state import RunFolder
from export.train.training_step import count_correct
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor
from tests.export.train.training_runs import ROOT, TRAIN_400, finish, log_rows, start
from tests.plugins.native import build_library
from tests.server.support.http_server import run_http_server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The default model, trained within half a minute on a CPU, on the native kernels where they can be built."""
    build = tmp_path_factory.mktemp("smoke")
    arguments = ["--data", str(TRAIN_400), "--name", "smoke", "--build", str(build)]
    arguments += ["--image-size", "16", "--batch-size", "32"]
    learning = ["--epochs", "6", "--lr", "0.05", "--augment", "none", "--label-smoothing", "0", "--holdout", "0"]
    build_library()
    process = start(*arguments, *learning, "--device", "cpu", "--no-report", FWHT_NATIVE="auto")
    output = finish(process)
    assert process.returncode == 0, output
    return RunFolder(build, "smoke")


def test_a_few_hundred_images_are_learnt(smoke: RunFolder) -> None:
    """Guessing ten classes has a loss of ln 10 = 2.303 and is right in 10 % of 300 images, give or take 1.7 %."""
    rows = log_rows(smoke.log)
    loss = float(rows[-1]["train_loss"])
    model, card = load_checkpoint(smoke.artefact)
    dataset = load_dataset(TRAIN_400, 16)
    preprocessing = card["preprocessing"]
    batches = Batches(dataset.train, preprocessing["mean"], preprocessing["std"], CPU)
    accuracy = count_correct(model, batches, np.arange(300)) / 300
    print(f"loss {loss:.3f} (wanted: below 2.15), accuracy on its training images {accuracy:.1%} (wanted: above 20 %)")
    assert len(rows) == 6
    assert loss < 2.15 < math.log(10)
    assert accuracy > 0.2


def test_the_card_says_what_was_made_of_what(smoke: RunFolder) -> None:
    model, card = load_checkpoint(smoke.artefact)
    dataset = load_dataset(TRAIN_400, 16)
    mean, std = mean_and_std(dataset.train.images)
    assert card["name"] == "smoke"
    assert card["architecture"] == "fwht_mobilenet_v2"
    assert card["labels"] == list(CIFAR10_LABELS)
    assert card["preprocessing"] == {"size": 16, "resize": "crop", "colour": "RGB", "mean": mean, "std": std}
    right = count_correct(model, Batches(dataset.test, mean, std, CPU), np.arange(100))
    assert card["accuracy"]["images"] == 100
    assert card["accuracy"]["data"] == "cifar10_train_400.bin (packed file, 300 training and 100 test images)"
    # Another number of threads adds in another order: an image with two logits equal but for rounding may turn.
    assert abs(card["accuracy"]["top1"] - right / 100) <= 0.01
    assert card["training"]["epochs"] == card["training"]["chosen_epoch"] == 6
    assert card["training"]["command"].startswith("python -m export.train --data ")


def test_what_was_trained_is_exported_served_and_answers_with_its_labels(smoke: RunFolder, tmp_path: Path) -> None:
    """The README's walk: train -> onnx -> serve -> label, the label being PyTorch's."""
    onnx_file = tmp_path / "smoke.onnx"
    command = ["smoke", "--checkpoint", str(smoke.artefact), "--data", str(TRAIN_400), "--out", str(onnx_file)]
    assert export_onnx(command) == 0
    model, card = load_checkpoint(smoke.artefact)
    image = ROOT / "tests/data/cat.jpg"
    with run_http_server(tmp_path / "log", "--models", str(onnx_file)) as server:
        files = {"file": image.read_bytes()}
        answer = httpx.post(f"{server.url}/v1/classify?layers=true", files=files, timeout=60).raise_for_status().json()
    preprocessing = Preprocessing.from_json(json.dumps(card["preprocessing"]))
    picture = to_tensor(decode(image.read_bytes(), preprocessing.size).image, preprocessing)
    with torch.inference_mode():
        scores = model(torch.from_numpy(picture[None])).softmax(dim=1)[0]
    assert answer["model"] == "smoke"
    assert answer["results"][0]["predictions"][0]["label"] == card["labels"][int(scores.argmax())]
    assert answer["results"][0]["predictions"][0]["score"] == pytest.approx(float(scores.max()), abs=1e-4)
    assert {"FWHTLayer", "Conv", "Gemm"} <= {item["op"] for item in answer["layers"]["items"]}
