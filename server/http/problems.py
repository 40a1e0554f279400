"""Every error as the same JSON: a problem of RFC 9457, which also carries `error` for Open Inference clients."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from ..errors import Busy, ServerError, SlowUpload, Unauthorized

MEDIA_TYPE = "application/problem+json"
LONGEST_DETAIL = 500  # characters: a message quotes values, and a client may send long ones


class Problem(JSONResponse):
    media_type = MEDIA_TYPE


def make_problem(
    scope: Scope, status: int, title: str, detail: str, headers: Optional[Mapping[str, str]] = None, **more: Any
) -> Response:
    """One error answer; `more` are members beside those of the RFC. Leaves its reason in `scope` for the metrics."""
    if len(detail) > LONGEST_DETAIL:
        detail = detail[:LONGEST_DETAIL] + "..."
    reason = title.lower().replace(" ", "-")
    scope["problem"] = reason
    body: Dict[str, Any] = {
        "type": f"urn:fwht:problem:{reason}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": scope.get("prefix", "") + scope["path"],
        "request_id": scope.get("request_id"),
        "error": detail,
        **more,
    }
    return Problem(body, status_code=status, headers=dict(headers or {}))


def answer_server_error(scope: Scope, error: ServerError) -> Response:
    headers: Dict[str, str] = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, SlowUpload):
        headers["Connection"] = "close"  # what is still to come of the body must not be read as the next request
    if error.index is None:
        return make_problem(scope, error.status, error.title, error.detail, headers)
    detail = f"image {error.index} (counted from 0): {error.detail}"
    return make_problem(scope, error.status, error.title, detail, headers, index=error.index)


def answer_internal_error(scope: Scope) -> Response:
    detail = f"the server failed on this request; its log says why under the id {scope.get('request_id')}"
    return make_problem(scope, ServerError.status, ServerError.title, detail)


def answer_http_exception(scope: Scope, error: HTTPException) -> Response:
    """Errors of the framework itself: no such route, another method, an unreadable form."""
    title = HTTPStatus(error.status_code).phrase
    detail = str(error.detail)
    if error.status_code == 404:
        prefix = scope.get("prefix", "")
        routes = f"the routes are listed at {prefix}/docs and in {prefix}/openapi.json"
        detail = f"there is nothing at {prefix}{scope['path']}: {routes}"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        if allowed == "GET":
            allowed = "GET, HEAD, OPTIONS"
            error.headers = {**(error.headers or {}), "Allow": allowed}
        detail = f"{scope['path']} does not answer {scope['method']}: use {allowed}"
    return make_problem(scope, error.status_code, title, detail, error.headers)


def add_handlers(app: FastAPI) -> None:
    async def server_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServerError)
        return answer_server_error(request.scope, error)

    async def http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer_http_exception(request.scope, error)

    app.add_exception_handler(ServerError, server_error)
    app.add_exception_handler(HTTPException, http_exception)
