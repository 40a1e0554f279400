"""Around every request: its id, the headers of its answer, its line in the log, its place in the metrics, and 500
where all else failed."""

from __future__ import annotations

import logging
import time
import uuid

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..metrics.metrics import Metrics
from .prefix import localise_redirect, take_off_prefix
from .problems import answer_internal_error
from .response_headers import complete_headers

LOG = logging.getLogger("server.access")
LONGEST_ID = 128
REDIRECT = 307  # to the path with a slash more or less at its end
CLIENT_GONE = 499  # the client closed the connection; nobody reads this status but the log and the metrics
QUIET_ROUTES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})  # asked every few seconds by machines


class Access:
    """ASGI middleware, the outermost. The id is the client's X-Request-ID where that is fit to print, or a new one."""

    def __init__(self, app: ASGIApp, metrics: Metrics, root_path: str = "") -> None:
        self.app = app
        self.metrics = metrics
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = scope["request_id"] = find_request_id(scope)
        if self.root_path:
            take_off_prefix(scope, self.root_path)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                seconds = time.perf_counter() - start
                message["headers"] = complete_headers(message["headers"], request_id, seconds)
                if status == REDIRECT:
                    message["headers"] = localise_redirect(message["headers"], scope.get("prefix", ""))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception:
            LOG.exception("request %s failed", request_id)
            if status:  # half an answer is out: the server must break the connection off
                raise
            await answer_internal_error(scope)(scope, receive, send_with_id)
        finally:
            self._record(scope, status or 500, time.perf_counter() - start)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.count_request(scope["method"], route, status, seconds, scope.get("problem"))
        level = logging.DEBUG if route in QUIET_ROUTES and status < 400 else logging.INFO
        if LOG.isEnabledFor(level):
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            fields = {
                "method": scope["method"],
                "path": path,
                "status": status,
                "ms": round(1000 * seconds, 3),
                "id": scope["request_id"],
                "route": route,
                "client": (scope.get("client") or ("", 0))[0],
                "problem": scope.get("problem"),
            }
            LOG.log(level, "%(method)s %(path)s %(status)d %(ms).1f ms id=%(id)s", fields, extra={"fields": fields})


def find_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and 0 < len(value) <= LONGEST_ID and all(33 <= byte <= 126 for byte in value):
            return str(value.decode("ascii"))
    return uuid.uuid4().hex
