"""The Open Inference Protocol under /v2."""

from __future__ import annotations

import asyncio
import json
from typing import Any, AsyncIterator, Callable

import numpy as np
import pytest

from benchmarks.harness.tiny_models import SIZE
from tests.server.support.app_client import AppClient


def body(tensor: np.ndarray, flat: bool = True, **more: Any) -> dict[str, Any]:
    data = tensor.ravel().tolist() if flat else tensor.tolist()
    return {"inputs": [{"name": "image", "datatype": "FP32", "shape": list(tensor.shape), "data": data}], **more}


@pytest.fixture
def tensor() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((2, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("path", ["/v2/models/tiny/infer", "/v2/models/tiny/versions/1/infer"])
def test_logits_are_those_of_the_engine(client: AppClient, tensor: np.ndarray, flat: bool, path: str) -> None:
    answer = client.post(path, json=body(tensor, flat, id="mine")).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("tiny", "1", "mine")
    output = answer["outputs"][0]
    assert (output["name"], output["datatype"], output["shape"]) == ("logits", "FP32", [2, 4])
    expected = client.context.catalogue.get().backend.infer(tensor)
    # JSON carries a float32 exactly; the engine may choose another order of sums from run to run, but does not today.
    np.testing.assert_allclose(np.float32(output["data"]).reshape(2, 4), expected, rtol=1e-6)


def test_id_is_made_where_there_is_none(client: AppClient, tensor: np.ndarray) -> None:
    response = client.post("/v2/models/tiny/infer", json=body(tensor))
    assert response.json()["id"] == response.headers["x-request-id"]


def test_metadata(client: AppClient) -> None:
    assert "binary_tensor_data" in client.get("/v2").json()["extensions"]
    assert client.get("/v2/health/live").json() == {"live": True}
    for path in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
        model = client.get(path).json()
        assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, SIZE, SIZE]}]
        assert model["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [-1, 4]}]
        assert client.get(f"{path}/ready").json() == {"name": "tiny", "ready": True}


@pytest.mark.parametrize("path", ["/v2/models/nothing", "/v2/models/tiny/versions/2", "/v2/models/nothing/ready"])
def test_unknown_model_or_version(client: AppClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404 and isinstance(response.json()["error"], str)


def test_overflow_is_the_senders(client: AppClient, tensor: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON has no infinity, so such logits cannot be answered."""
    monkeypatch.setattr(client.context.catalogue.get().backend, "infer", lambda *given: np.array([[np.inf]]))
    response = client.post("/v2/models/tiny/infer", json=body(tensor))
    assert response.status_code == 400 and "normalised" in response.json()["error"]


def test_configuration(client: AppClient) -> None:
    for path in ("/v2/models/tiny/config", "/v2/models/tiny/versions/1/config"):
        config = client.get(path).json()
        assert (config["name"], config["max_batch_size"]) == ("tiny", client.context.settings.max_images)
        assert config["input"][0]["dims"] == [3, SIZE, SIZE] and config["output"][0]["dims"] == [4]
    assert client.get("/v2/models/tiny/versions/2/config").status_code == 404


def test_statistics(client: AppClient, tensor: np.ndarray, cat: bytes) -> None:
    """Every way to infer counts, and so does every failure once the model is known."""
    client.post("/v2/models/tiny/infer", json=body(tensor))
    client.post("/v1/classify", files={"file": cat})
    client.post("/v1/classify", files={"file": b"no image"})
    client.post("/v2/models/tiny/infer", json=body(tensor[:, :2]))
    for path in ("/v2/models/stats", "/v2/models/tiny/stats", "/v2/models/tiny/versions/1/stats"):
        (told,) = client.get(path).json()["model_stats"]
        assert (told["name"], told["inference_count"], told["execution_count"]) == ("tiny", 3, 2)
        assert (told["inference_stats"]["success"]["count"], told["inference_stats"]["fail"]["count"]) == (2, 2)
    assert client.get("/v2/models/nothing/stats").status_code == 404


def test_classification_in_json(client: AppClient, tensor: np.ndarray) -> None:
    wanted = [{"name": "logits", "parameters": {"classification": 2}}]
    output = client.post("/v2/models/tiny/infer", json=body(tensor, outputs=wanted)).json()["outputs"][0]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    model = client.context.catalogue.get()
    logits = model.backend.infer(tensor)
    best = np.argsort(-logits, axis=1)[:, :2]
    expected = [f"{row[index]:f}:{index}:{model.labels[index]}" for row, two in zip(logits, best) for index in two]
    assert [name.split(":")[1:] for name in output["data"]] == [name.split(":")[1:] for name in expected]


def test_binary_answer(client: AppClient, tensor: np.ndarray) -> None:
    asked = body(tensor, parameters={"binary_data_output": True})
    response = client.post("/v2/models/tiny/infer", json=asked)
    length = int(response.headers["inference-header-content-length"])
    assert response.headers["content-type"] == "application/octet-stream"
    assert len(response.content) == int(response.headers["content-length"]) == length + 2 * 4 * 4
    logits = np.frombuffer(response.content[length:], "<f4").reshape(2, 4)
    np.testing.assert_allclose(logits, client.context.catalogue.get().backend.infer(tensor), rtol=1e-6)


def test_stage_times_travel_along(client: AppClient, tensor: np.ndarray) -> None:
    timing = client.post("/v2/models/tiny/infer", json=body(tensor)).headers["server-timing"]
    assert [part.split(";")[0] for part in timing.split(", ")][-1] == "total" and "inference;dur=" in timing


def test_half_a_surrogate_pair_is_an_id_too(client: AppClient, tensor: np.ndarray) -> None:
    """Python reads it from JSON, and UTF-8 cannot write it."""
    content = json.dumps(body(tensor, id="\ud800")).encode()
    response = client.post("/v2/models/tiny/infer", content=content)
    assert response.status_code == 200 and b'"\\ud800"' in response.content


def test_slow_body(make_client: Callable[..., AppClient]) -> None:
    client = make_client(upload_timeout=1)

    async def parts() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    assert client.post("/v2/models/tiny/infer", content=parts()).status_code == 408
