"""The Open Inference Protocol under /v2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.server.app_client import AppClient
from tests.server.tiny_models import SIZE


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
    expected = client.service.catalogue.get().backend.infer(tensor)
    # JSON carries a float32 exactly; the engine may choose another order of sums from run to run, but does not today.
    np.testing.assert_allclose(np.float32(output["data"]).reshape(2, 4), expected, rtol=1e-6)


def test_id_is_made_where_there_is_none(client: AppClient, tensor: np.ndarray) -> None:
    response = client.post("/v2/models/tiny/infer", json=body(tensor))
    assert response.json()["id"] == response.headers["x-request-id"]


def test_metadata(client: AppClient) -> None:
    assert client.get("/v2").json()["extensions"] == []
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
    monkeypatch.setattr(client.service.catalogue.get().backend, "infer", lambda batch: np.array([[np.inf]]))
    response = client.post("/v2/models/tiny/infer", json=body(tensor))
    assert response.status_code == 400 and "normalised" in response.json()["error"]
