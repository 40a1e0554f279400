"""API keys: what they open, what stays open, and what cannot be a key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable

import pytest

from server.errors import StartupError
from server.http.keys import OPEN, Keys, read_keys
from server.settings import Settings
from tests.server.support.app_client import AppClient

MakeClient = Callable[..., AppClient]


@pytest.fixture
def guarded(make_client: MakeClient, tmp_path: Path) -> AppClient:
    """Three keys: two of the environment, one of a file; and the admin's."""
    file = tmp_path / "keys"
    file.write_text("# of the camera\n\n third \n", encoding="utf-8")
    return make_client(api_keys=("first", "second"), api_key_file=str(file), admin_key="chief")


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": "firs"}, 401),
        ({"X-API-Key": "first,second"}, 401),
        ({"X-API-Key": b"f\xefrst"}, 401),
        ({"Authorization": "Basic first"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"X-API-Key": "first"}, 200),
        ({"x-api-key": "second"}, 200),
        ({"Authorization": "Bearer third"}, 200),
        ({"Authorization": "bearer  third "}, 200),
        ({"X-API-Key": "chief"}, 200),
    ],
)
def test_each_key_opens(guarded: AppClient, headers: dict[str, Any], status: int, cat: bytes) -> None:
    response = guarded.post("/v1/classify", files={"file": cat}, headers=headers)
    assert response.status_code == status
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.headers["content-type"] == "application/problem+json"
        assert "X-API-Key" in response.json()["error"] and response.headers["x-request-id"]


def test_every_route_but_the_open_ones_asks_for_a_key(guarded: AppClient) -> None:
    paths = guarded.app.openapi()["paths"]
    assert "/metrics" in paths and "/v2/models/{name}/infer" in paths
    for path, operations in paths.items():
        for method in operations:
            status = guarded.request(method, path).status_code
            assert (status == 401) == (path not in OPEN), (method, path, status)
    for path in ("/", "/healthz", "/openapi.json", "/docs", "/samples/chelsea.jpg"):
        assert guarded.get(path).status_code == 200
    assert all(guarded.get(path).status_code == 401 for path in ("/nothing", "/samples", "/samplesx"))
    assert guarded.get("/livez/").status_code == 401


def test_a_refused_body_is_not_read(guarded: AppClient) -> None:
    async def never() -> Any:
        raise AssertionError("the body was read")
        yield b""

    async def ask() -> Any:
        return await guarded.send("POST", "/v1/classify", content=never())

    assert asyncio.run(ask()).status_code == 401


def test_refusals_are_counted(guarded: AppClient) -> None:
    guarded.get("/v1/models")
    text = guarded.get("/metrics", headers={"X-API-Key": "first"}).text
    assert 'fwht_errors_total{reason="unauthorized"} 1.0' in text


def test_a_clients_key_is_not_the_admins(make_client: MakeClient) -> None:
    client = make_client(api_keys=("first",), admin_key="chief", layers="admin")
    for key, status in (("first", 401), ("chief", 404)):
        assert client.get("/v1/models/tiny/layers", headers={"X-API-Key": key}).status_code == status


def test_nobody_is_admin_without_an_admin_key() -> None:
    keys = Keys([], "")
    assert not keys.is_admin(b"") and not keys.has_admin and not keys.are_required and not keys.is_client(b"")


@pytest.mark.parametrize("content", [None, "", "# none\n"])
def test_a_file_without_a_key_opens_nothing(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(StartupError, match="FWHT_API_KEY_FILE"):
        read_keys(Settings(api_key_file=str(file)))


@pytest.mark.parametrize("settings", [{"api_keys": ("two words",)}, {"admin_key": "schl\xfcssel"}])
def test_a_key_that_no_header_carries(settings: dict[str, Any]) -> None:
    with pytest.raises(StartupError, match="key") as refusal:
        read_keys(Settings(**settings))
    assert "two" not in str(refusal.value) and "schl" not in str(refusal.value)
