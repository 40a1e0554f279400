"""GET /v1/models and the last layer report."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from benchmarks.harness.tiny_models import LABELS, PREPROCESSING, write_tiny_model
from tests.server.support.app_client import AppClient


def test_models_default_first(make_client: Callable[..., AppClient], tiny: Path, tmp_path: Path) -> None:
    other = write_tiny_model(
        tmp_path / "other.onnx", architecture="hybrid", parameters=1234, accuracy={"top1": 0.5, "images": 10}
    )
    first, second = make_client(models=(str(other), str(tiny))).get("/v1/models").json()["models"]
    assert (first["name"], second["name"]) == ("other", "tiny")
    assert (first["architecture"], first["parameters"]) == ("hybrid", 1234)
    assert first["accuracy"] == {"top1": 0.5, "images": 10}
    assert second["accuracy"] is None  # what the file does not say
    assert first["labels"] == LABELS and first["preprocessing"] == PREPROCESSING
    assert (first["backend"], first["precision"], first["provider"]) == ("onnxruntime", "fp32", "cpu")
    assert first["ready"] is True and first["problem"] is None


def test_layers_of_an_unknown_model(client: AppClient) -> None:
    response = client.get("/v1/models/nothing/layers")
    assert response.status_code == 404 and "tiny" in response.json()["detail"]
