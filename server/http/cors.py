"""Pages of other origins that may ask this server (FWHT_CORS_ORIGINS); off unless set."""

from __future__ import annotations

from typing import List

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ..settings import Settings

ASKED = ("Authorization", "Content-Type", "Inference-Header-Content-Length", "X-API-Key", "X-Request-ID")
SHOWN = ("Inference-Header-Content-Length", "Retry-After", "Server-Timing", "X-Request-ID")


def make_cors(settings: Settings) -> List[Middleware]:
    """Nothing, or the middleware that answers a browser's question before the keys are asked for.

    Cookies and the browser's own passwords are never allowed: this server knows keys in headers alone.
    """
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=ASKED,
            expose_headers=SHOWN,
        )
    ]
