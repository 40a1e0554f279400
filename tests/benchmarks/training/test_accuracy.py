"""The accuracy of shipped models on a few images: what is counted, and what is said where an engine cannot be run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.training.accuracy import compare_models, judge, main, read_kept
from benchmarks.training.engine_predictions import open_tensorrt
from export.data.datasets import load_dataset
from export.data.packed_images import write_packed
from export.to_onnx.from_checkpoint import SAMPLES
from server.backends.engine_card import EngineCard, card_path, file_sha256
from server.bulk.packed_images import read_packed
from server.errors import StartupError

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "models"
NAMES = ("fwht_mf_mobilenet_v2", "fwht_mobilenet_v2")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 300 training images and every fifth test image of the pack: 20, two of each class."""
    path = tmp_path_factory.mktemp("data") / "pack.bin"
    images = list(read_packed(ROOT / "tests/data/cifar10_train_400.bin"))
    tests = [image for image in images if image.is_test]
    write_packed(path, [image for image in images if not image.is_test] + tests[::5])
    return path


def test_two_models_on_twenty_images(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "accuracy.json"
    assert (
        main([*NAMES, "--data", str(pack), "--models", str(MODELS), "--engines", str(tmp_path), "--out", str(out)]) == 0
    )
    result, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert result["data"]["description"].startswith("pack.bin (packed file, 300 training and 20 test images")
    for name in NAMES:
        row = result["models"][name]
        torch_row, onnx_row = row["engines"]["pytorch fp32"], row["engines"]["onnxruntime fp32"]
        assert torch_row["images"] == 20 and torch_row["correct"] >= 12  # 87 % of them on average
        assert torch_row["top1"] == torch_row["correct"] / 20
        assert 0 < torch_row["low"] < torch_row["top1"] < torch_row["high"] <= 1
        assert onnx_row["other_labels"] == 0 and row["engines"]["onnxruntime fp16"]["other_labels"] <= 1
        assert row["parameters"] == 947_786
        assert row["onnx_bytes"] == (MODELS / f"{name}.onnx").stat().st_size
        assert "is not there: `make engine`" in row["engines"]["tensorrt fp16"]["skipped"]
        assert f"{name:24} tensorrt fp32" in printed
    (pair,) = result["comparisons"]
    assert pair["models"] == list(NAMES) and 0 <= pair["p"] <= 1


def test_rows_of_models_that_are_not_named_are_kept(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, earlier = tmp_path / "accuracy.json", ROOT / "benchmarks/results/accuracy.json"
    found = json.loads(earlier.read_text())
    words = ["fwht_mobilenet_v2", "--data", str(pack), "--models", str(MODELS), "--out", str(out)]
    assert main([*words, "--keep", str(earlier)]) == 1  # of the 10,000 test images
    assert "the results to keep are of other images: cifar10_q75.bin" in capsys.readouterr().err
    found["data"]["description"] = load_dataset(pack, 32, "crop", to_train=False).description
    ours = tmp_path / "earlier.json"
    ours.write_text(json.dumps(found))
    assert main([*words, "--keep", str(ours)]) == 0
    result = json.loads(out.read_text())
    assert result["models"].keys() == found["models"].keys()
    for name, row in result["models"].items():
        assert row["engines"]["pytorch fp32"]["images"] == (20 if name == "fwht_mobilenet_v2" else 10_000)
    assert result["comparisons"] == found["comparisons"]  # the weights on both sides are as they were
    found["models"]["fwht_mobilenet_v2"]["weights_sha256"] = "0" * 64
    ours.write_text(json.dumps(found))
    pairs = [row["models"] for row in read_kept(ours, ["fwht_mobilenet_v2"], MODELS)["comparisons"]]
    assert ["fwht_mobilenet_v2_slim", "mobilenet_v2"] in pairs
    assert not any("fwht_mobilenet_v2" in pair for pair in pairs)
    named = ["fwht_mobilenet_v2_slim", "fwht_mobilenet_v2", "mobilenet_v2"]
    pairs = [row["models"] for row in read_kept(ours, named, MODELS)["comparisons"]]
    assert ["fwht_mobilenet_v2_slim", "mobilenet_v2"] not in pairs  # measured anew, both of them
    assert ["fwht_mf_mobilenet_v2", "mobilenet_v2"] in pairs
    ours.write_text("[]")
    assert main([*words, "--keep", str(ours)]) == 1
    assert "earlier.json holds no results of this benchmark" in capsys.readouterr().err
    found["models"]["mobilenet_v2"]["weights_sha256"] = "0" * 64
    ours.write_text(json.dumps(found))
    assert main([*words, "--keep", str(ours)]) == 1
    assert "mobilenet_v2 has other weights now" in capsys.readouterr().err


def test_an_engine_of_another_onnx_file_is_not_run(tmp_path: Path) -> None:
    onnx = MODELS / "fwht_mobilenet_v2.onnx"
    text: dict[str, Any] = {
        "name": "fwht_mobilenet_v2",
        "precision": "fp16",
        "engine": "e",
        "engine_sha256": "",
        "plugin_sha256": "",
    }
    more = {"tensorrt": "8.5.3", "cuda": "11.8", "gpu": "Orin", "compute_capability": "8.7", "profile": {}}
    text |= {"multiprocessors": 8, "board": ""}
    for sha256, message in (("0" * 64, "that of another ONNX file"), (file_sha256(onnx), "TensorRT|card|Orin|GPU")):
        card = EngineCard(**text, **more, onnx_sha256=sha256, metadata={}, layers=[], parity={}, built={})  # type: ignore[arg-type]
        path = card_path(tmp_path, "fwht_mobilenet_v2", "fp16")
        path.write_text(card.to_json())
        with pytest.raises(StartupError, match=message):
            open_tensorrt(path, onnx)


def test_labels_are_counted_against_truth_and_reference() -> None:
    truth, reference = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2])
    row = judge(np.array([0, 1, 1, 3]), reference, truth)
    assert (row["correct"], row["top1"], row["other_labels"]) == (3, 0.75, 2)
    assert judge("no GPU", reference, truth) == {"skipped": "no GPU"}


def test_every_hybrid_is_compared_with_what_it_is_made_of_and_the_twins_with_each_other() -> None:
    other = ("fwht_efficientnet_lite0_slim", "efficientnet_lite0")
    right = {name: np.array([True, False]) for name in (*NAMES, "mobilenet_v2", *other, "fwht_alone")}
    pairs = [tuple(row["models"]) for row in compare_models(right)]
    assert pairs == [*((name, "mobilenet_v2") for name in NAMES), other, NAMES]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "docs"], "docs has no weights (*.safetensors): name the folder with --models"),
        (["resnet99"], "resnet99"),
        (["mobilenet_v2", "--data", "nowhere.bin"], "there is no file or folder nowhere.bin"),
    ],
)
def test_what_cannot_be_measured_costs_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    out = tmp_path / "accuracy.json"
    out.write_text("measured before")
    assert main([*words, "--out", str(out)]) == 1
    assert message in capsys.readouterr().err
    assert out.read_text() == "measured before"


def test_the_sample_images_will_do_without_training_images() -> None:
    dataset = load_dataset(SAMPLES, 8, to_train=False)
    assert (len(dataset.train.class_ids), len(dataset.test.class_ids)) == (0, 1000)


def test_images_of_other_classes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = ROOT / "tests/data/cat.jpg"
    for place in ("train/tabby", "train/wild", "test/tabby", "test/wild"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "1.jpg").write_bytes(image.read_bytes())
    assert main(["mobilenet_v2", "--data", str(tmp_path), "--out", str(tmp_path / "a.json")]) == 1
    assert (
        "mobilenet_v2 tells airplane, automobile, bird, ... apart, the images are of tabby, wild"
        in capsys.readouterr().err
    )
