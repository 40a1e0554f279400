"""Headers of every answer, whoever made it."""

from __future__ import annotations

import pytest

from tests.server.support.app_client import AppClient


@pytest.mark.parametrize("path", ["/v1/models", "/nothing", "/livez", "/metrics", "/openapi.json", "/docs", "/"])
def test_every_answer_is_safe_to_open_in_a_browser(client: AppClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"]


def test_no_answer_may_ask_another_host_or_run_what_is_written_into_it(client: AppClient) -> None:
    for path in ("/", "/v1/models", "/docs/", "/docs", "/docs/swagger-ui.css"):
        policy = client.get(path).headers["content-security-policy"]
        assert "https:" not in policy and "unsafe" not in policy


def test_time_is_on_every_answer_and_stages_stay(client: AppClient, cat: bytes) -> None:
    for path in ("/livez", "/nothing"):
        name, _, value = client.get(path).headers["server-timing"].partition(";dur=")
        assert name == "total" and 0 < float(value) < 60_000
    assert "decode;dur=" in client.post("/v1/classify", files={"file": cat}).headers["server-timing"]
