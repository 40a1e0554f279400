"""Models at run time: which there are, and loading, reloading and unloading them. For whom has the admin key.

Source: Triton's model repository extension. A model is named, never sent and never given by a path: what can be loaded
are the files in build/ and models/, and those that the settings name.
"""

from __future__ import annotations

import json
from typing import Any, Dict

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import BadRequest
from ..http.app_context import get_context
from ..http.openapi import describe_problems
from ..http.uploads import limit_upload_time

router = APIRouter(prefix="/v2/repository", tags=["models at run time"])


@router.post("/index", summary="The models that are loaded or can be", responses=describe_problems(400, 401, 404, 408))
async def index(request: Request) -> Response:
    """With {"ready": true} only those that answer."""
    context = get_context(request)
    context.check_admin(request)
    asked = await read_object(request)
    only_ready = asked.get("ready", False)
    if not isinstance(only_ready, bool):
        raise BadRequest(f"ready is {str(only_ready)[:80]!r}, it must be true or false")
    entries = context.catalogue.index()
    return JSONResponse([entry for entry in entries if not only_ready or entry["state"] == "READY"])


@router.post(
    "/models/{name}/load",
    summary="Load or reload a model",
    responses=describe_problems(400, 401, 404, 408, 413, 415, 503),
)
async def load(request: Request, name: str) -> Response:
    """Read the file again and serve it once it has answered a trial; until then, and where it fails, the old one stays.

    Requests that are under way finish on the model they began with.
    """
    context = get_context(request)
    context.check_admin(request)
    if (await read_object(request)).get("parameters"):
        raise BadRequest("a model is loaded as its file is: send no parameters, neither config nor files")
    await to_thread.run_sync(context.catalogue.load_one, name)
    return JSONResponse({})


@router.post("/models/{name}/unload", summary="Unload a model", responses=describe_problems(400, 401, 404, 408, 503))
async def unload(request: Request, name: str) -> Response:
    """Requests that are under way are answered; the next are told that the model is not there."""
    context = get_context(request)
    context.check_admin(request)
    await read_object(request)
    context.catalogue.unload(name)
    return JSONResponse({})


async def read_object(request: Request) -> Dict[str, Any]:
    """The JSON object of a request's body, empty where there is no body."""
    with limit_upload_time(get_context(request).settings.upload_timeout):
        body = await request.body()
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise BadRequest(f"the body is {str(asked)[:80]!r}, it must be a JSON object or empty")
    return asked
