"""Liveness, readiness and metrics."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.inference.catalogue import Catalogue
from server.settings import Settings
from tests.server.support.app_client import AppClient


def test_alive_before_the_models_are_loaded_and_ready_after(tiny: Path) -> None:
    settings = Settings(models=(str(tiny),))
    catalogue = Catalogue(settings)
    client = AppClient(settings, catalogue)
    assert client.get("/livez").status_code == 200
    for path in ("/readyz", "/healthz", "/v2/health/ready"):
        response = client.get(path)
        assert response.status_code == 503 and "loading" in response.json()["detail"]
    catalogue.load()
    for path in ("/readyz", "/healthz", "/v2/health/ready"):
        assert client.get(path).status_code == 200


def test_not_ready_where_a_model_has_a_problem(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.context.catalogue.get().backend, "problem", "fell back to the CPU")
    assert client.get("/readyz").json()["detail"] == "tiny: fell back to the CPU"
    assert client.get("/v2/models/tiny/ready").status_code == 503
    assert client.get("/v1/models").json()["models"][0]["problem"] == "fell back to the CPU"
    assert sample(client, "fwht_model_ready", model="tiny") == 0
    assert client.get("/livez").status_code == 200


def sample(client: AppClient, name: str, **labels: str) -> float:
    """The value of the one series with that name and those labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = [
        entry.value
        for family in families
        for entry in family.samples
        if entry.name == name and labels.items() <= entry.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return float(found[0])


def test_metrics_count_requests_errors_and_stages(client: AppClient, cat: bytes) -> None:
    for _ in range(3):
        client.post("/v1/classify", files={"file": cat})
    client.post("/v1/classify", files=[("file", cat)] * 2)
    client.post("/v1/classify", files={"file": b"text"})
    client.get("/nothing")
    assert sample(client, "fwht_requests_total", route="/v1/classify", status="200", method="POST") == 4
    assert sample(client, "fwht_requests_total", route="none", status="404") == 1
    assert sample(client, "fwht_errors_total", reason="bad-request") == 1
    assert sample(client, "fwht_images_total", model="tiny") == 5
    assert sample(client, "fwht_request_duration_seconds_count", route="/v1/classify") == 5
    assert sample(client, "fwht_stage_duration_seconds_count", model="tiny", stage="inference") == 4
    seconds = sample(client, "fwht_stage_duration_seconds_sum", model="tiny", stage="total")
    assert 0 < seconds < 4  # milliseconds by mistake would be above
    assert sample(client, "fwht_stage_duration_seconds_bucket", model="tiny", stage="total", le="0.00025") >= 0
    assert sample(client, "fwht_model_ready", model="tiny", provider="cpu") == 1
    assert sample(client, "fwht_requests_in_progress") == 0


def test_model_info_has_the_hash_of_its_file(client: AppClient, tiny: Path) -> None:
    digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert sample(client, "fwht_model_info", model="tiny", backend="onnxruntime", sha256=digest) == 1


def test_layers_are_series_only_when_asked_for(make_client: Callable[..., AppClient], cat: bytes) -> None:
    client = make_client(layer_runs=1, layers="admin", admin_key="chief")
    admin = {"X-API-Key": "chief"}
    report = client.post("/v1/classify?layers=true", files={"file": cat}, headers=admin).json()["layers"]
    assert "fwht_layer" not in client.get("/metrics").text
    assert client.get("/metrics?layers=true").status_code == 401
    text = client.get("/metrics?layers=true", headers=admin).text
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    found = {entry.labels["layer"]: entry.value for entry in families["fwht_layer_duration_seconds"]}
    assert found == {item["name"]: pytest.approx(item["ms"] / 1000) for item in report["items"]}
    assert client.get("/metrics?layers=perhaps").status_code == 400


def test_series_do_not_grow_with_what_clients_send(client: AppClient) -> None:
    client.request("BREW", "/nothing")
    client.get("/metrics")  # its own series
    before = len(client.get("/metrics").text.splitlines())
    for number in range(50):
        client.request(f"BREW{number}", f"/nothing/{number}")
    assert len(client.get("/metrics").text.splitlines()) == before


def test_two_applications_count_apart(client: AppClient, tiny: Path) -> None:
    other = AppClient(client.context.settings, client.context.catalogue)
    client.get("/livez")
    assert sample(client, "fwht_requests_total", route="/livez") == 1
    assert "/livez" not in other.get("/metrics").text
