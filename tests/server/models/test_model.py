"""Image files to labels, and ONNX files that cannot be served."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from benchmarks.harness import tiny_models
from server.errors import BadRequest, ServerError, StartupError, UnsupportedMedia
from server.models import model_files, preprocess
from server.models.model import Model, load_model
from server.models.model_files import find_model
from server.models.scores import softmax
from server.stage_times import StageTimes

DATA = Path(__file__).parents[2] / "data"
SAMPLES = sorted(DATA.glob("*.jpg"))  # each is named after what it shows
SHIPPED = sorted(path.stem for path in (DATA.parent.parent / "models").glob("*.onnx"))


def png(colour: str = "red", size: tuple[int, int] = (20, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    return load_model(str(tiny_models.write_tiny_model(path, parameters="123", accuracy={"top1": 0.5})))


def test_results(model: Model) -> None:
    stages = StageTimes()
    red, blue = model.classify([png("red"), png("blue", (7, 5))], 4, stages)
    assert red["image"] == {"width": 20, "height": 30} and blue["image"] == {"width": 7, "height": 5}
    for result in (red, blue):
        predictions = result["predictions"]
        scores = [prediction["score"] for prediction in predictions]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) == pytest.approx(1, abs=4e-6)  # each rounded to six decimals
        assert [tiny_models.LABELS[p["class_id"]] for p in predictions] == [p["label"] for p in predictions]
    assert model.classify([png("blue", (7, 5))], 1, StageTimes()) == [{**blue, "predictions": blue["predictions"][:1]}]
    timings = stages.timings_ms()
    assert all(timings[stage] > 0 for stage in ("decode", "preprocess", "inference", "postprocess", "total"))


def test_card(model: Model) -> None:
    assert (model.name, model.version, model.labels) == ("tiny", "1", tiny_models.LABELS)
    assert model.card["parameters"] == 123 and model.card["accuracy"] == {"top1": 0.5}
    assert model.preprocessing.size == 16 and model.problem is None


@pytest.mark.parametrize("top_k", [0, -1, 5, 10**9])
def test_top_k(model: Model, top_k: int) -> None:
    with pytest.raises(BadRequest, match=f"top_k is {top_k}, it must be from 1 to 4"):
        model.classify([png()], top_k, StageTimes())


def test_one_bad_image_fails_all_and_is_named(model: Model) -> None:
    for bad, kind in ((b"text", BadRequest), (b"%PDF-1.4", UnsupportedMedia)):
        with pytest.raises(kind) as caught:
            model.classify([png(), png(), bad, png()], 1, StageTimes())
        assert isinstance(caught.value, ServerError) and caught.value.index == 2
    with pytest.raises(BadRequest, match="no image"):
        model.classify([], 1, StageTimes())


def test_layers_are_kept(model: Model) -> None:
    assert model.last_layers is None
    report = model.profile([png()], runs=2)
    assert report is model.last_layers and report["runs"] == 2


def test_softmax() -> None:
    logits = np.array([[1e4, 0, -1e4], [1, 1, 1]], dtype=np.float32)
    np.testing.assert_allclose(softmax(logits), [[1.0, 0.0, 0.0], [1 / 3] * 3], atol=1e-15)


def test_of_equal_scores_the_lower_class_comes_first(model: Model) -> None:
    assert [p["class_id"] for p in model._predictions(np.array([0.2, 0.3, 0.2, 0.3]), 4)] == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "no metadata property 'labels'"),
        ({"preprocessing": None}, "no metadata property 'preprocessing'"),
        ({"labels": "red, green"}, "metadata that cannot be used"),
        ({"labels": []}, "labels must be a list of names"),
        ({"labels": [1, 2, 3, 4]}, "labels must be a list of names"),
        ({"labels": ["a", "b", "c"]}, r"3 labels and outputs of shape \(1, 4\)"),
        ({"preprocessing": {**tiny_models.PREPROCESSING, "size": 32}}, "cannot be run on an image of 32 x 32"),
        ({"preprocessing": {**tiny_models.PREPROCESSING, "resize": "zoom"}}, "resize is 'zoom'"),
        ({"preprocessing": "{}"}, "size, resize, colour, mean, std is missing"),
        ({"accuracy": "{"}, "metadata that cannot be used"),
    ],
)
def test_metadata_that_cannot_be_served(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tiny_models.write_tiny_model(tmp_path / "bad.onnx", **change)
    with pytest.raises(StartupError, match=message) as caught:
        load_model(str(path))
    assert str(path) in str(caught.value)


def test_no_metadata_at_all(tmp_path: Path) -> None:
    onnx.save(tiny_models.make_tiny_model(), str(tmp_path / "plain.onnx"))
    with pytest.raises(StartupError, match=r"no metadata property 'labels': export it with `make onnx`"):
        load_model(str(tmp_path / "plain.onnx"))


def test_damaged_weights(tmp_path: Path) -> None:
    model = tiny_models.make_tiny_model()
    for weight in model.graph.initializer:
        if weight.name == "classifier.bias":
            weight.raw_data = np.full(4, np.nan, np.float32).tobytes()
    with pytest.raises(StartupError, match="weights are damaged"):
        load_model(str(tiny_models.write_tiny_model(tmp_path / "nan.onnx", model)))


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, models = tmp_path / "build", tmp_path / "models"
    monkeypatch.setattr(model_files, "FOLDERS", (build, models))
    with pytest.raises(StartupError, match="there is no model 'a': choose from none"):
        find_model("a")
    for path in (build / "a.onnx", models / "a.onnx", models / "b.onnx"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_model("a") == build / "a.onnx"
    assert find_model("b") == models / "b.onnx"
    assert find_model("elsewhere/c.onnx") == Path("elsewhere/c.onnx")
    with pytest.raises(StartupError, match="there is no model 'c': choose from a, b"):
        find_model("c")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_know_the_samples(name: str) -> None:
    shipped = load_model(name)
    results = shipped.classify([sample.read_bytes() for sample in SAMPLES], 1, StageTimes())
    assert [result["predictions"][0]["label"] for result in results] == [sample.stem for sample in SAMPLES]


def test_a_large_jpeg_keeps_its_label() -> None:
    """The reduced decoding of a 12-megapixel JPEG against decoding all of it, for every sample."""
    shipped = load_model("fwht_mobilenet_v2")
    for sample in SAMPLES:
        file = io.BytesIO()
        Image.open(sample).resize((4000, 3000), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        (result,) = shipped.classify([file.getvalue()], 1, StageTimes())
        plain = preprocess.to_tensor(Image.open(file).convert("RGB"), shipped.preprocessing)
        logits = shipped.backend.infer(plain[None])
        assert result["predictions"][0]["class_id"] == int(logits.argmax())
        assert result["image"] == {"width": 4000, "height": 3000}
