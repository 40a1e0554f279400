"""Stopping at the worst moment: a connection was accepted and has no transport yet."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from server.http.draining import DrainingServer

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def answered_while_closing(turns: int) -> bytes:
    """What a client gets that has connected and asked `turns` turns of the event loop before the server closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = DrainingServer(uvicorn.Config(application, log_config=None, lifespan="off"), 0, lambda: None, lambda: None)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([listener])
    with socket.create_connection(listener.getsockname()) as client:
        client.settimeout(30)
        client.sendall(REQUEST)
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.ensure_future(server.shutdown([listener]))
        answer = await asyncio.get_running_loop().run_in_executor(None, client.recv, 4096)
    await closing
    return answer


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
def test_what_was_accepted_is_answered(module: str) -> None:
    """It is accepted in the second turn or the third, and has its transport one turn later."""
    loops = pytest.importorskip(module)
    for turns in (2, 3, 4):
        loop = loops.new_event_loop()
        assert loop.run_until_complete(answered_while_closing(turns)).startswith(b"HTTP/1.1 200"), turns
        loop.close()
