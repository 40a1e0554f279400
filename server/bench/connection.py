"""One kept HTTP/1.1 connection of the load tool, with as little work per request as Python allows.

The client often shares the machine with the server it measures: the request is made beforehand, and the answer is
parsed in C.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence
from urllib.parse import urlsplit

import httptools

from ..errors import StartupError

DEFAULT_PATH = "/v1/classify"


class Answer(NamedTuple):
    status: int
    body: bytes


@dataclass(frozen=True)
class Target:
    """Where requests go. `path` holds the query too."""

    host: str
    port: int
    path: str
    tls: Optional[ssl.SSLContext] = None

    @classmethod
    def from_url(cls, url: str) -> Target:
        """Without a path it is /v1/classify. Raises StartupError for what is no http or https address."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError as error:
            raise StartupError(f"the address {url!r} cannot be read ({error}): give http://HOST:PORT") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StartupError(f"the address is {url!r}: give http://HOST:PORT or https://HOST:PORT")
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        path = (parts.path if parts.path.strip("/") else DEFAULT_PATH) + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, port or (443 if tls else 80), path, tls)


class Connection(asyncio.Protocol):
    """Asks one request at a time. `alive` is False once either side has closed it."""

    def __init__(self) -> None:
        self.alive = False
        self._transport: Optional[asyncio.Transport] = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: List[bytes] = []
        self._answer: Optional[asyncio.Future[Answer]] = None

    async def ask(self, request: bytes) -> Answer:
        """Send and wait. Raises ConnectionError where the connection breaks or what comes is no HTTP, and TimeoutError
        after `time_out`."""
        if not self.alive or self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._body = []
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def time_out(self) -> None:
        """Give the request up: `ask` raises TimeoutError, and the connection is closed."""
        self._fail(TimeoutError("no answer in time"))
        self.close()

    def close(self) -> None:
        self.alive = False
        if self._transport is not None:
            self._transport.abort()

    # What asyncio and the parser call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.alive = transport, True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is not HTTP: {error}"))
            self.close()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.alive = False
        self._fail(ConnectionResetError("the server closed the connection without an answer"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), b"".join(self._body)))

    def _fail(self, error: OSError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


async def connect(target: Target) -> Connection:
    """Raises OSError where nothing listens, or the certificate is not trusted."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, target.host, target.port, ssl=target.tls)
    return connection


def encode_request(target: Target, body: bytes, media: str, headers: Sequence[str] = ()) -> bytes:
    """A complete POST. `headers` are lines of `Name: value`."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {host}:{target.port}",
        f"Content-Type: {media}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
