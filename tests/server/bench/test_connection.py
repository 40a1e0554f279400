"""The load tool's connection: addresses, answers in any pieces, and what breaks."""

from __future__ import annotations

import asyncio

import pytest

from server.bench.connection import Answer, Connection, Target, connect, encode_request
from server.errors import StartupError
from tests.server.support.scripted_server import Script, make_answer, run_scripted_server


@pytest.mark.parametrize(
    "url, host, port, path",
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "/v1/classify"),
        ("127.0.0.1:8000/", "127.0.0.1", 8000, "/v1/classify"),
        ("http://nano.local/v1/classify?top_k=1", "nano.local", 80, "/v1/classify?top_k=1"),
        ("http://[::1]:81?top_k=1", "::1", 81, "/v1/classify?top_k=1"),
        ("https://nano/predict", "nano", 443, "/predict"),
    ],
)
def test_addresses(url: str, host: str, port: int, path: str) -> None:
    target = Target.from_url(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert (target.tls is not None) == url.startswith("https")


@pytest.mark.parametrize("url", ["", "ftp://nano", "http://", "http://nano:x", "http://nano:70000", "http://[::1"])
def test_no_address(url: str) -> None:
    with pytest.raises(StartupError, match="give http://HOST:PORT"):
        Target.from_url(url)


def test_the_request_is_complete() -> None:
    made = encode_request(Target("::1", 81, "/p?q=1"), b"body", "image/jpeg", ["X-API-Key: k"])
    head, _, body = made.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /p?q=1 HTTP/1.1",
        b"Host: [::1]:81",
        b"Content-Type: image/jpeg",
        b"Content-Length: 4",
        b"X-API-Key: k",
    ]
    assert body == b"body"


def ask(script: Script, times: int = 1) -> list[Answer]:
    async def run() -> list[Answer]:
        async with run_scripted_server(script) as server:
            target = Target("127.0.0.1", server.port, "/")
            connection = await connect(target)
            answers = [await connection.ask(encode_request(target, b"x", "text/plain")) for _ in range(times)]
            connection.close()
            return answers

    return asyncio.run(asyncio.wait_for(run(), 10))


def test_one_connection_asks_many_times() -> None:
    async def script(number: int) -> bytes:
        return make_answer(200 + number, b"%d" % number)

    assert ask(script, 3) == [(200, b"0"), (201, b"1"), (202, b"2")]


def test_chunked_answer() -> None:
    async def script(number: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"

    assert ask(script) == [(200, b"abc")]


@pytest.mark.parametrize("said, message", [(b"", "closed"), (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP")])
def test_no_answer(said: bytes, message: str) -> None:
    async def script(number: int) -> bytes:
        return said

    with pytest.raises(ConnectionError, match=message):
        ask(script)


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    async def script(number: int) -> bytes:
        return make_answer(200, b"{}", "Connection: close")

    with pytest.raises(ConnectionError, match="closed"):
        ask(script, 2)


def test_time_out() -> None:
    async def never(number: int) -> bytes:
        await asyncio.sleep(0.2)
        return make_answer()

    async def run() -> Connection:
        async with run_scripted_server(never) as server:
            target = Target("127.0.0.1", server.port, "/")
            connection = await connect(target)
            asyncio.get_running_loop().call_later(0.05, connection.time_out)
            with pytest.raises(TimeoutError):
                await connection.ask(encode_request(target, b"x", "text/plain"))
            await asyncio.sleep(0.3)  # the late answer finds nobody
            return connection

    assert not asyncio.run(run()).alive
