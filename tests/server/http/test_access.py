"""Request ids and the log."""

from __future__ import annotations

import logging
import re

import pytest

from tests.server.support.app_client import AppClient


def test_a_fit_id_is_echoed(client: AppClient) -> None:
    response = client.get("/v1/models", headers={"X-Request-ID": "a-1_b.c/" + "d" * 120})
    assert response.headers["x-request-id"] == "a-1_b.c/" + "d" * 120


@pytest.mark.parametrize("unfit", [None, "", "x" * 129, "two words", "caf\xe9", "tab\tbed"])
def test_an_id_is_made_otherwise(client: AppClient, unfit: str | None) -> None:
    headers = {} if unfit is None else {"X-Request-ID": unfit.encode("latin-1")}
    made = [client.get("/nothing", headers=headers) for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"]) for response in made)
    assert made[0].headers["x-request-id"] != made[1].headers["x-request-id"]
    assert made[0].json()["request_id"] == made[0].headers["x-request-id"]


def test_one_line_per_request(client: AppClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server.access")
    client.get("/v1/models", headers={"X-Request-ID": "mine"})
    client.get("/livez")
    client.get("/line%0Abreak")
    assert len(caplog.messages) == 2
    assert re.fullmatch(r"GET /v1/models 200 \d+\.\d ms id=mine", caplog.messages[0])
    assert "\n" not in caplog.messages[1]


def test_a_failure_is_logged_with_its_trace(
    client: AppClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, cat: bytes
) -> None:
    monkeypatch.setattr(client.context.catalogue.get().backend, "infer", lambda *given: 1 / 0)
    client.post("/v1/classify", files={"file": cat}, headers={"X-Request-ID": "mine"})
    failure = next(record for record in caplog.records if record.levelname == "ERROR")
    assert "mine" in failure.getMessage() and failure.exc_info is not None
