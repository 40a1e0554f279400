"""GET /: one page, all in one file, that talks to this server alone."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

router = APIRouter()

HTML = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


def policy(html: str) -> str:
    """Content-Security-Policy that allows the page's own script and style, by hash, and requests to this server."""

    def hashes(tag: str) -> str:
        found = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; connect-src 'self'; "
        "img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


HEADERS = {"Content-Security-Policy": policy(HTML), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


@router.get("/", include_in_schema=False)
async def page() -> Response:
    return HTMLResponse(HTML, headers=HEADERS)
