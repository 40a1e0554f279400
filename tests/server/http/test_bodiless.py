"""HEAD and OPTIONS, as load balancers and uptime checks send them: as GET, without a body."""

from __future__ import annotations

import http.client
import re
import socket
from pathlib import Path

import pytest

from benchmarks.harness.server_process import ServerProcess
from server.inference.catalogue import Catalogue
from server.settings import Settings
from tests.server.support.app_client import AppClient

PATHS = ["/", "/livez", "/readyz", "/healthz", "/metrics", "/v1/models", "/v2", "/v2/health/live", "/v2/health/ready"]
MORE = [
    "/v2/models/tiny",
    "/v2/models/tiny/ready",
    "/v2/models/stats",
    "/docs",
    "/docs/swagger-ui.css",
    "/openapi.json",
]


@pytest.mark.parametrize("path", PATHS + MORE)
def test_as_get_without_a_body(client: AppClient, path: str) -> None:
    get, head, options = (client.request(method, path) for method in ("GET", "HEAD", "OPTIONS"))
    assert (get.status_code, head.status_code, options.status_code) == (200, 200, 200)
    assert get.content and not head.content and not options.content
    assert options.headers["allow"] == "GET, HEAD, OPTIONS" and options.headers["content-length"] == "0"
    assert head.headers["content-type"] == get.headers["content-type"]
    if path not in ("/", "/docs", "/metrics", "/v2/models/stats"):  # whose length changes
        assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers.keys() == get.headers.keys()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_not_ready_is_said_to_all(tiny: Path, method: str) -> None:
    settings = Settings(models=(str(tiny),))
    client = AppClient(settings, Catalogue(settings))
    answer = client.request(method, "/readyz")
    assert answer.status_code == 503 and answer.headers["retry-after"] and not answer.content
    assert client.request(method, "/livez").status_code == 200


def test_unknown_and_other_methods(client: AppClient) -> None:
    assert client.request("HEAD", "/nothing").status_code == client.request("OPTIONS", "/nothing").status_code == 404
    assert client.request("HEAD", "/v1/classify").headers["allow"] == "POST"
    refused = client.post("/livez")
    assert refused.status_code == 405 and refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert "use GET, HEAD, OPTIONS" in refused.json()["detail"]


def test_keys_are_asked_for_as_by_get(tiny: Path, make_client: object) -> None:
    settings = Settings(models=(str(tiny),), api_keys=("client",))
    client = AppClient(settings, Catalogue(settings))
    for method in ("HEAD", "OPTIONS"):
        assert client.request(method, "/v1/models").status_code == 401
        assert client.request(method, "/livez").status_code == 200


def test_they_are_counted_under_their_route(client: AppClient) -> None:
    client.request("HEAD", "/v2/models/tiny")
    text = client.get("/metrics").text
    assert re.search(r'method="HEAD".*route="/v2/models/\{name\}"|route="/v2/models/\{name\}".*method="HEAD"', text)


def test_the_description_has_none(client: AppClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path, operations in paths.items() if operations.keys() & {"head", "options"}]


def test_over_a_socket(running: ServerProcess) -> None:
    """A kept connection goes on after it; HTTP/1.0 without a Host, as HAProxy's older checks."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    for method in ("HEAD", "OPTIONS", "GET") * 2:
        connection.request(method, "/livez")
        answer = connection.getresponse()
        assert answer.status == 200 and bool(answer.read()) == (method == "GET")
    connection.close()
    with socket.create_connection(("127.0.0.1", running.port)) as bare:
        bare.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
        assert bare.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
