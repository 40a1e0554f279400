"""Requests that meet at the engine of an application, in the order and the state which a test wants."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Callable

import httpx
from PIL import Image

from tests.server.support.app_client import AppClient
from tests.server.support.gated_engine import GUARD_S, GatedEngine, until

CLASSIFY = "/v1/classify"


def grey(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (value, value, value)).save(file, "PNG")
    return file.getvalue()


class Meeting:
    """Requests of one event loop that meet at a held engine."""

    def __init__(self, client: AppClient, engine: GatedEngine) -> None:
        self.client = client
        self.engine = engine

    def send(self, data: bytes) -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(self.client.send("POST", CLASSIFY, files={"file": data}))

    async def hold(self) -> asyncio.Task[httpx.Response]:
        self.engine.gate.clear()
        task = self.send(grey(0))
        await reached(lambda: len(self.engine.runs) == 1)
        return task

    def hurry(self, deadline_ms: int) -> None:
        """Give the requests from now on another deadline."""
        dispatcher = self.client.context.dispatcher
        dispatcher._settings = replace(dispatcher._settings, deadline_ms=deadline_ms)

    @property
    def depth(self) -> int:
        return sum(self.client.context.catalogue.queue_depths.values())


async def reached(true: Callable[[], bool]) -> None:
    """`until`, with the event loop going on."""
    await asyncio.get_running_loop().run_in_executor(None, until, true, "the requests' state")


async def status(task: asyncio.Task[httpx.Response]) -> int:
    return (await asyncio.wait_for(task, GUARD_S)).status_code
