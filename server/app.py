"""The HTTP application: middleware, error answers and routes around the models."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import AsyncIterator

from fastapi import FastAPI
from starlette.middleware import Middleware

from . import __version__
from .http.access import Access
from .http.app_context import AppContext
from .http.bodiless import add_bodiless
from .http.body_limit import BodyLimit
from .http.cors import make_cors
from .http.keys import KeyCheck, read_keys
from .http.openapi import correct_description
from .http.prefix import parse_prefix
from .http.problems import add_handlers
from .http.tracing import make_tracing
from .inference.catalogue import Catalogue
from .inference.dispatcher import Dispatcher
from .inference.workers import Workers
from .metrics.metrics import Metrics
from .openinference import repository
from .openinference import routes as openinference
from .page import api_docs, page, samples
from .routes import classify, models, probes
from .settings import Settings

DESCRIPTION = "Image in, labels and layer times out. Errors are problem JSON (RFC 9457)."


def make_app(settings: Settings, catalogue: Catalogue) -> FastAPI:
    """The application; it answers 503 until `catalogue` is loaded, and closes it when it stops."""
    metrics = Metrics()
    catalogue.count_run = metrics.count_run
    keys = read_keys(settings)
    workers = Workers(settings.concurrency, settings.max_waiting)
    traces = make_tracing(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await workers.close()  # first what uses the engines, then the engines
        catalogue.close()
        if traces:
            traces.close()

    app = FastAPI(
        title="FWHT classifier",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        routes=[classify.route],
        openapi_url=None,  # page/api_docs.py has it and its viewer
        middleware=[
            *(traces.middleware if traces else []),
            Middleware(Access, metrics=metrics, root_path=parse_prefix(settings.root_path) or ""),
            *make_cors(settings),
            *([Middleware(KeyCheck, keys=keys)] if keys.are_required else []),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes),
        ],
    )
    dispatcher = Dispatcher(settings, workers, metrics)
    app.state.context = AppContext(settings, catalogue, workers, metrics, keys, dispatcher, traces)
    parts = [part.router for part in (models, probes, openinference, repository, page, samples, api_docs)]
    for part in parts:
        app.include_router(part)
    add_bodiless(app.router, parts)
    add_handlers(app)
    correct_description(app)
    return app
