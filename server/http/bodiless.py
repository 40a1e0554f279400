"""HEAD and OPTIONS: what GET answers, without its body, on every path that has a GET.

Load balancers and uptime checks ask so: HAProxy's `option httpchk` sends OPTIONS, many watchers send HEAD. So /readyz
says to them, too, whether it is ready.
"""

from __future__ import annotations

from typing import Iterable

from fastapi import APIRouter
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

METHODS = ("HEAD", "OPTIONS")
ALLOWED = b"GET, HEAD, OPTIONS"


class Bodiless:
    """The answer of `router` to GET, but for its body."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["method"] == "HEAD"

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_head:
                kept = [header for header in message["headers"] if header[0] != b"content-length"]
                message["headers"] = [*kept, (b"content-length", b"0"), (b"allow", ALLOWED)]
            elif message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked = {**scope, "method": "GET"}
        try:
            await self._router(asked, receive, send_head)
        finally:
            scope.update({key: asked[key] for key in ("route", "problem") if key in asked})  # for log and metrics


def add_bodiless(router: Router, parts: Iterable[APIRouter]) -> None:
    """Add to `router` a route for HEAD and OPTIONS behind each that answers GET in `parts`, which it has.

    They stand last: no other request passes them.
    """
    routes = [route for part in parts for route in part.routes if isinstance(route, Route)]
    paths = dict.fromkeys(route.path for route in routes if "GET" in (route.methods or ()))
    for path in paths:
        router.routes.append(Route(path, Bodiless(router), methods=METHODS, include_in_schema=False))
