"""Other origins: off by default, and no more than what is asked for."""

from __future__ import annotations

from typing import Callable

from tests.server.support.app_client import AppClient

ORIGIN = {"Origin": "https://app.example"}
QUESTION = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


def test_off_by_default(client: AppClient) -> None:
    assert "access-control-allow-origin" not in client.get("/v1/models", headers=ORIGIN).headers
    assert client.request("OPTIONS", "/v1/classify", headers=QUESTION).status_code == 405


def test_the_named_origin_alone(make_client: Callable[..., AppClient]) -> None:
    client = make_client(cors_origins=("https://app.example",), api_keys=("key",))
    answer = client.request("OPTIONS", "/v1/classify", headers=QUESTION)  # a browser sends no key with its question
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in answer.headers
    other = client.request("OPTIONS", "/v1/classify", headers={**QUESTION, "Origin": "https://evil.example"})
    assert other.status_code == 400 and "access-control-allow-origin" not in other.headers
    refused = client.get("/v1/models", headers=ORIGIN)
    assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == "https://app.example"
    answered = client.get("/v1/models", headers={**ORIGIN, "X-API-Key": "key"})
    assert answered.status_code == 200 and "X-Request-ID" in answered.headers["access-control-expose-headers"]
