"""Heads of requests that are too long, too slow, or none: answered as problems, and the server stays well."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Iterator

import httpx
import pytest

from benchmarks.harness.server_process import ServerProcess
from server.settings import Settings
from tests.server.support.http_server import run_http_server

WITHIN_S = 10.0  # a guard against hanging


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[ServerProcess]:
    log = tmp_path_factory.mktemp("strict") / "log"
    limits = ("--max-headers", "20", "--max-header-bytes", "2000", "--header-timeout", "1", "--keep-alive", "5")
    with run_http_server(log, "--models", str(tiny), *limits) as server:
        yield server


def conversation(server: ServerProcess, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that the server answers to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)
        answered = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return answered
            answered += piece


def check(answered: bytes, status: int) -> None:
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"content-type: application/problem+json" in head and b"connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == status and problem["error"] and problem["request_id"].encode() in head


def head(lines: int = 0, value: bytes = b"v", path: bytes = b"/livez") -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: x\r\n" % path + b"X-A: %s\r\n" % value * lines + b"\r\n"


@pytest.mark.parametrize("request_head", [head(20), head(1, b"v" * 2000), head(path=b"/" + b"p" * 2000), head(5000)])
def test_too_long(strict: ServerProcess, request_head: bytes) -> None:
    check(conversation(strict, request_head), 431)


def test_a_line_without_end(strict: ServerProcess) -> None:
    """The parser keeps such a line in memory: it must not get far."""
    check(conversation(strict, b"GET / HTTP/1.1\r\nX-A: ", *[b"v" * 500] * 5, pause_s=0.05), 431)


def test_within_the_limits(strict: ServerProcess) -> None:
    with httpx.Client(base_url=strict.url) as client:  # one connection: what one request used up, the next has again
        for _ in range(5):
            assert client.get("/livez", headers={f"X-{number}": "v" * 100 for number in range(12)}).status_code == 200


def test_in_pieces_and_pipelined(strict: ServerProcess) -> None:
    whole = head() + head() + head().replace(b"Host", b"Connection: close\r\nHost")
    answered = conversation(strict, *[whole[at : at + 30] for at in range(0, len(whole), 30)], pause_s=0.02)
    assert answered.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("begun", [b"GET /livez HTTP/1.1\r\nHost:", b"G"])
def test_too_slow(strict: ServerProcess, begun: bytes) -> None:
    check(conversation(strict, begun), 408)


def test_slow_in_small_pieces(strict: ServerProcess) -> None:
    """Bytes that trickle in do not move the limit."""
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        conversation(strict, *[b"GET /livez HTTP/1.1\r\nX: "] + [b"v"] * 100, pause_s=0.1)


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", head() + b"\r\n"])
def test_a_connection_that_asks_nothing_is_closed(strict: ServerProcess, sent: bytes) -> None:
    assert conversation(strict, sent).count(b"HTTP/1.1") == sent.count(b"GET")


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
def test_no_http(strict: ServerProcess, sent: bytes) -> None:
    check(conversation(strict, sent), 400)


def test_refusals_are_counted_and_the_server_is_well(strict: ServerProcess) -> None:
    conversation(strict, head(20))
    text = httpx.get(f"{strict.url}/metrics").text
    assert 'fwht_errors_total{reason="request-header-fields-too-large"}' in text
    assert "Traceback" not in strict.log.read_text()


def test_how_long_an_idle_connection_stays_open(tiny: Path, tmp_path: Path) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--keep-alive", "1") as server:
        start = time.monotonic()
        assert b"HTTP/1.1 200" in conversation(server, head())
        assert 0.9 < time.monotonic() - start < 5


def test_an_idle_connection_outlives_those_of_load_balancers() -> None:
    """60 s are nginx's upstream, HAProxy's usual http-keep-alive, and the idle time of AWS's balancer."""
    assert Settings().keep_alive > 60
