"""The application in this process, asked without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from server.app import make_app
from server.http.app_context import AppContext
from server.inference.catalogue import Catalogue
from server.settings import Settings


class AppClient:
    """Each request runs in an event loop of its own; an error of the application is its answer, not an exception."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.app = make_app(settings, catalogue)
        self.context: AppContext = self.app.state.context

    def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self.send(method, path, **request))

    async def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The same from within a loop, so that requests can meet each other."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self.request("GET", path, **request)

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self.request("POST", path, **request)
