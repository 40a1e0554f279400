"""GET /docs, the viewer of the API's description, and /openapi.json, the description.

The viewer is Swagger UI from the package fastapi-offline: a board may have no Internet. Its files travel by themselves,
and the page that loads them has a policy as strict as that of the page at /.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from ..errors import NotFound
from .page import FIXED_HEADERS, ICON, get_root

router = APIRouter()

FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FWHT classifier: API</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{root}docs/swagger-ui.css">
</head>
<body>
<div id="viewer"></div>
<script nonce="{nonce}" src="{root}docs/swagger-ui-bundle.js"></script>
<script nonce="{nonce}">SwaggerUIBundle({options});</script>
</body>
</html>
"""


def make_policy(nonce: str) -> str:
    """Content-Security-Policy: scripts that carry `nonce`, style and data of this server; no other host."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@lru_cache(maxsize=None)
def find_viewer() -> Path:
    """The folder with the viewer's files. Raises NotFound where its package is not installed."""
    found = importlib.util.find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        raise NotFound("the viewer is not installed (pip install fastapi-offline): read /openapi.json")
    return Path(found.submodule_search_locations[0]) / "static"


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    find_viewer()
    root = get_root(request)
    # No validator: it would send the description's address to a public host.
    options = {"url": f"{root}openapi.json", "dom_id": "#viewer", "validatorUrl": None, "deepLinking": True}
    nonce = secrets.token_urlsafe(16)
    parts = {"icon": ICON, "root": root, "nonce": nonce, "options": json.dumps(options)}
    text = HTML
    for name, value in parts.items():
        text = text.replace("{" + name + "}", value)
    return HTMLResponse(text, headers={"Content-Security-Policy": make_policy(nonce), **FIXED_HEADERS})


@router.get("/docs/{name}", include_in_schema=False)
async def viewer_file(name: str) -> Response:
    if name not in FILES:
        raise NotFound(f"the viewer has {' and '.join(FILES)}, and no {name[:80]!r}: open /docs")
    return FileResponse(find_viewer() / name, media_type=FILES[name], headers={"Cache-Control": "max-age=86400"})


@router.get("/openapi.json", include_in_schema=False)
async def description(request: Request) -> Response:
    schema = request.app.openapi()
    prefix = request.scope.get("prefix")
    return JSONResponse({**schema, "servers": [{"url": prefix}]} if prefix else schema)
