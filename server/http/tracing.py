"""Traces of requests, by OpenTelemetry and where asked for: without FWHT_TRACES=otlp nothing here imports it.

A request is one span, the child of the client's where it sends `traceparent`. It carries what the answer says: the
model, the number of images, the milliseconds of each stage, the request's id. Where spans go and how many,
OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER).
"""

from __future__ import annotations

import os
from typing import Any, List, Mapping, Optional

from starlette.middleware import Middleware

from .. import __version__
from ..errors import StartupError
from ..settings import Settings

UNTRACED = "livez,readyz,healthz,metrics"  # asked every few seconds by machines
SERVICE = "fwht-classifier"  # unless OTEL_SERVICE_NAME names another
CURE = "install them with `pip install '.[traces]'`, or set FWHT_TRACES=off"


class Tracing:
    """The spans of one app. exporter: where they go, by default to a collector over HTTP (OTLP).

    Raises StartupError where OpenTelemetry's packages are not installed.
    """

    def __init__(self, exporter: Optional[Any] = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.util.http import parse_excluded_urls
        except ImportError as error:
            raise StartupError(f"FWHT_TRACES is otlp and OpenTelemetry is not there ({error}): {CURE}") from error
        self._trace = trace
        self._middleware: Any = OpenTelemetryMiddleware
        self._untraced = parse_excluded_urls(UNTRACED)  # up to 0.54b1, the last for Python 3.8, it takes no string
        name = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
        resource = Resource.create({"service.name": name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))

    @property
    def middleware(self) -> List[Middleware]:
        """To be the outermost of an app, so that a span holds all of its request."""
        quiet = {"excluded_urls": self._untraced, "exclude_spans": ["receive", "send"]}
        return [Middleware(self._middleware, tracer_provider=self._provider, **quiet)]

    def annotate_span(self, request_id: str, model: str, images: int, timings_ms: Mapping[str, float]) -> None:
        """Add to the span of the request that is being answered."""
        span = self._trace.get_current_span()
        span.set_attributes({"fwht.request_id": request_id, "fwht.model": model, "fwht.images": images})
        span.set_attributes({f"fwht.{stage}_ms": milliseconds for stage, milliseconds in timings_ms.items()})

    def close(self) -> None:
        """Send what is still held, for some seconds at most where nobody takes it."""
        self._provider.shutdown()


def make_tracing(settings: Settings) -> Optional[Tracing]:
    """None where it is off."""
    return Tracing() if settings.traces == "otlp" else None
