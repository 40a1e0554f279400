"""GET /: one page, all in one answer, that talks to this server alone.

page.html names its style and scripts as {page.css} and the like: they are files of their own here, and travel inside
the page, so that it comes in one request.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Dict

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from .samples import draw_buttons

router = APIRouter()

FOLDER = Path(__file__).parent
NONCE, ROOT = "{nonce}", "{root}"
ICON = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEUfX9Dc5vdknheDAAAAGElEQVR42mNgYAhlMGZIY+"
    "BniGKwYcgEAA1wAf2ziUyTAAAAAElFTkSuQmCC"
)

FIXED_HEADERS = {
    "Cache-Control": "no-store",  # a kept copy would use its nonce again
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def assemble_page() -> str:
    """page.html with its parts in their places; the nonce and the root of its links are still to be put in."""
    text = (FOLDER / "page.html").read_text(encoding="utf-8").replace("{icon}", ICON)
    text = text.replace("{samples}", draw_buttons())
    return re.sub(r"\{(page\w*\.(?:css|js))\}", lambda name: (FOLDER / name[1]).read_text(encoding="utf-8"), text)


HTML = assemble_page()


def make_policy(nonce: str) -> str:
    """Content-Security-Policy: scripts and styles that carry `nonce`, and requests to this server; no other host."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def make_headers(nonce: str) -> Dict[str, str]:
    return {"Content-Security-Policy": make_policy(nonce), **FIXED_HEADERS}


@router.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    nonce = secrets.token_urlsafe(16)
    return HTMLResponse(HTML.replace(NONCE, nonce).replace(ROOT, get_root(request)), headers=make_headers(nonce))


def get_root(request: Request) -> str:
    """What stands in front of a path in a link: the prefix, or nothing, so that it is relative to the page's folder."""
    prefix = request.scope.get("prefix")
    return f"{prefix}/" if prefix else ""
