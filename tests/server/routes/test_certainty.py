"""Knowing when not to answer: a temperature and a min_score, by every way to ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from benchmarks.harness.tiny_models import LABELS, SIZE
from server.commands import classify as classify_command
from server.errors import StartupError
from server.inference.catalogue import Catalogue
from server.models.scores import softmax
from server.settings import Settings
from server.stage_times import StageTimes
from tests.server.support.app_client import AppClient
from tests.server.support.model_files import write_with_metadata

MakeClient = Callable[..., AppClient]
TEMPERATURE = 2.5


def ask(client: AppClient, cat: bytes, query: str = "") -> Any:
    answer = client.post(f"/v1/classify{query}", files={"file": cat})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]


@pytest.fixture
def make_model(tiny: Path, tmp_path: Path) -> Callable[..., str]:
    """The path of the small model with more metadata, under the same name."""

    def make(**more: str) -> str:
        return str(write_with_metadata(tiny, tmp_path / "tiny.onnx", **more))

    return make


def test_answers_without_either_are_as_before(client: AppClient, cat: bytes) -> None:
    assert list(ask(client, cat)) == ["predictions", "image"]
    model = client.get("/v1/models").json()["models"][0]
    assert model["temperature"] is None and model["min_score"] is None


def test_query(client: AppClient, cat: bytes) -> None:
    best = ask(client, cat)["predictions"][0]
    certain = ask(client, cat, "?min_score=0.1")
    assert list(certain) == ["label", "predictions", "image"] and certain["label"] == best["label"]
    unsure = ask(client, cat, "?min_score=1&top_k=2")
    assert list(unsure) == ["label", "reason", "predictions", "image"] and unsure["label"] is None
    assert unsure["reason"] == f"the highest score, {best['score']:g} for {best['label']}, is below min_score 1"
    assert unsure["predictions"][0] == best and len(unsure["predictions"]) == 2


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "x", "", "0,5", "1" * 60, "1e400"])
def test_no_score(client: AppClient, cat: bytes, value: str) -> None:
    refused = client.post("/v1/classify", params={"min_score": value}, files={"file": cat})
    assert refused.status_code == 400
    assert refused.json()["detail"] == f"min_score is {value[:80]!r}, it must be a number from 0 to 1"


def test_setting_goes_before_the_card_and_the_query_before_both(
    make_model: Callable[..., str], make_client: MakeClient, cat: bytes
) -> None:
    model = make_model(min_score="1")
    card, setting = make_client(models=(model,)), make_client(models=(model,), min_score="0.001")
    assert ask(card, cat)["label"] is None and ask(setting, cat)["label"] in LABELS
    assert ask(card, cat, "?min_score=0")["label"] in LABELS and ask(setting, cat, "?min_score=1")["label"] is None
    assert [one.get("/v1/models").json()["models"][0]["min_score"] for one in (card, setting)] == [1, 0.001]


def test_one_for_each_label_in_the_card(make_model: Callable[..., str], make_client: MakeClient, cat: bytes) -> None:
    best = ask(make_client(), cat)["predictions"][0]["label"]
    others = [label for label in LABELS if label != best]
    assert ask(make_client(models=(make_model(min_score=json.dumps({best: 1})),)), cat)["label"] is None
    strict = make_client(models=(make_model(min_score=json.dumps(dict.fromkeys(others, 1))),))
    assert ask(strict, cat)["label"] == best


def test_a_batch_is_decided_image_by_image(client: AppClient, cat: bytes) -> None:
    answer = client.post("/v1/classify?min_score=1", files=[("file", cat)] * 3).json()
    assert [result["label"] for result in answer["results"]] == [None] * 3


def test_temperature_softens_scores_everywhere(
    make_model: Callable[..., str], make_client: MakeClient, cat: bytes
) -> None:
    plain, soft = make_client(), make_client(models=(make_model(temperature=str(TEMPERATURE)),))
    before, after = (ask(one, cat)["predictions"] for one in (plain, soft))
    assert [one["label"] for one in before] == [one["label"] for one in after]
    model = soft.context.catalogue.get()
    logits = model.backend.infer(model.prepare([cat], StageTimes())[0])
    wanted = np.sort(softmax(logits, TEMPERATURE)[0])[::-1]
    assert [one["score"] for one in after] == pytest.approx(wanted.tolist(), abs=1e-6)
    assert after[0]["score"] < before[0]["score"]
    assert soft.get("/v1/models").json()["models"][0]["temperature"] == TEMPERATURE


def infer(client: AppClient, tensor: np.ndarray, **parameters: Any) -> Any:
    image = {"name": "image", "datatype": "FP32", "shape": list(tensor.shape), "data": tensor.ravel().tolist()}
    body = {"inputs": [image], "outputs": [{"name": "logits", "parameters": parameters}]}
    return client.post("/v2/models/tiny/infer", json=body)


def test_classification_of_v2(make_model: Callable[..., str], make_client: MakeClient) -> None:
    """Logits stay the model's; the values of classes are logits / temperature, whose softmax is the scores."""
    tensor = np.random.default_rng(3).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)
    plain, soft = make_client(), make_client(models=(make_model(temperature=str(TEMPERATURE)),))
    logits = [infer(one, tensor).json()["outputs"][0]["data"] for one in (plain, soft)]
    assert logits[0] == pytest.approx(logits[1])
    named = [infer(one, tensor, classification=4).json()["outputs"][0] for one in (plain, soft)]
    assert "parameters" not in named[0] and "parameters" not in named[1]
    for before, after in zip(named[0]["data"], named[1]["data"]):
        assert before.split(":")[1:] == after.split(":")[1:]
        assert float(before.split(":")[0]) / TEMPERATURE == pytest.approx(float(after.split(":")[0]), abs=2e-6)


def test_min_score_of_v2(client: AppClient, make_client: MakeClient) -> None:
    tensor = np.random.default_rng(3).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)
    unsure = infer(client, tensor, classification=2, min_score=1).json()["outputs"][0]
    assert unsure["parameters"]["label"] == [None, None] and len(unsure["data"]) == 4
    assert all("is below min_score 1" in reason for reason in unsure["parameters"]["reason"])
    by_setting = infer(make_client(min_score="0"), tensor, classification=1).json()["outputs"][0]
    assert by_setting["parameters"] == {
        "label": [one.split(":")[2] for one in by_setting["data"]],
        "reason": [None] * 2,
    }
    for value in (-1, 2, "0.5", None, True):
        refused = infer(client, tensor, classification=1, min_score=value)
        assert refused.status_code == 400 and "min_score is" in refused.json()["error"]


def test_bytes_of_a_jpeg_are_sent_to_the_right_route(client: AppClient) -> None:
    image = {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["/9j/"]}
    refused = client.post("/v2/models/tiny/infer", json={"inputs": [image]})
    assert refused.status_code == 400 and "image files go to POST /v1/classify" in refused.json()["error"]


def test_command(make_model: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    picture = "tests/data/cat.jpg"
    assert classify_command.main([picture, "--model", make_model(min_score="1"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["label"] is None
    assert classify_command.main([picture, "--model", make_model(), "--min-score", "1"]) == 0
    assert "no label: the highest score" in capsys.readouterr().out
    with pytest.raises(StartupError, match="--min-score is '2', it must be a number from 0 to 1"):
        classify_command.main([picture, "--model", make_model(), "--min-score", "2"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"temperature": "0"}, "temperature is '0', it must be a number above 0"),
        ({"min_score": "2"}, "min_score is 2, it must be a number from 0 to 1; correct the card of its weights"),
        ({"min_score": '{"horse": 0.5}'}, "min_score names 'horse'"),
        ({"min_score": "x"}, "metadata that cannot be used"),
    ],
)
def test_a_wrong_card_is_refused_at_the_start(make_model: Callable[..., str], more: dict[str, str], words: str) -> None:
    with pytest.raises(StartupError, match=words):
        Catalogue(Settings(models=(make_model(**more),))).load()
