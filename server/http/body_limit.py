"""The server's own limit on body bytes, in front of everything that reads a body."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import TooLarge
from .problems import answer_server_error

LINGER_S = 1.0  # how long the rest of a refused body is thrown away, so that a client which only writes still reads 413


class BodyLimit:
    """ASGI middleware: a declared length is refused before a byte is read, an undeclared one once it is passed.

    The refusal is a 413 and closes the connection.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if read_content_length(scope) > self.max_bytes:
            refusal = answer_server_error(scope, self._too_large(f"{read_content_length(scope)} bytes"))
            await refusal(scope, receive, close_connection_after(receive, send))
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise self._too_large("longer")
            return message

        async def send_after_count(message: Message) -> None:
            await (close_connection_after(receive, send) if seen > self.max_bytes else send)(message)

        await self.app(scope, counted, send_after_count)

    def _too_large(self, found: str) -> TooLarge:
        return TooLarge(f"the body may have {self.max_bytes} bytes and is {found}: send a smaller or fewer images")


def read_content_length(scope: Scope) -> int:
    """Content-Length in bytes; 0 where there is none (the HTTP parser has refused anything but digits)."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0


def close_connection_after(receive: Receive, send: Send) -> Send:
    """`send` with Connection: close, which reads the body to its end, or for LINGER_S, before it lets go."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send({**message, "headers": [*message["headers"], (b"connection", b"close")]})
            return
        await send({**message, "more_body": True})
        await drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return wrapped


async def drain(receive: Receive) -> None:
    end = time.monotonic() + LINGER_S
    while True:
        try:
            message = await asyncio.wait_for(receive(), end - time.monotonic())
        except asyncio.TimeoutError:
            return
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
