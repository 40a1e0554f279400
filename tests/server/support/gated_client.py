"""Requests that meet at the engine of an application, in the order and the state which a test wants."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Callable

import httpx
from PIL import Image

from tests.server.support.app_client import AppClient
from tests.server.support.gated_engine import GUARD_S, GatedEngine, wait_until

CLASSIFY = "/v1/classify"


def make_grey_png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (value, value, value)).save(file, "PNG")
    return file.getvalue()


class GatedClient:
    """Requests of one event loop that meet at a held engine."""

    def __init__(self, client: AppClient, engine: GatedEngine) -> None:
        self.client = client
        self.engine = engine

    def send(self, data: bytes) -> asyncio.Task[httpx.Response]:
        return asyncio.ensure_future(self.client.send("POST", CLASSIFY, files={"file": data}))

    async def hold(self) -> asyncio.Task[httpx.Response]:
        self.engine.gate.clear()
        task = self.send(make_grey_png(0))
        await wait_in_loop(lambda: len(self.engine.runs) == 1)
        return task

    def set_deadline(self, deadline_ms: int) -> None:
        """Give the requests from now on another deadline."""
        dispatcher = self.client.context.dispatcher
        dispatcher._settings = replace(dispatcher._settings, deadline_ms=deadline_ms)

    @property
    def depth(self) -> int:
        return sum(self.client.context.catalogue.queue_depths.values())


async def wait_in_loop(true: Callable[[], bool]) -> None:
    """`wait_until`, with the event loop going on."""
    await asyncio.get_running_loop().run_in_executor(None, wait_until, true, "the requests' state")


async def read_status(task: asyncio.Task[httpx.Response]) -> int:
    return (await asyncio.wait_for(task, GUARD_S)).status_code
