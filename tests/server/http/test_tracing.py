"""Traces: one span a request, with what the answer says; and nothing of it where it is off."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Callable, Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server import app as server_app
from server.errors import StartupError
from server.http.tracing import Tracing
from tests.server.support.app_client import AppClient
from tests.server.support.http_server import ROOT

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Spans = Callable[[], Any]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch, make_client: Callable[..., AppClient]) -> Iterator[tuple[AppClient, Spans]]:
    """A client of an app whose spans stay in memory, and a function that returns those that ended so far."""
    exporter = InMemorySpanExporter()
    made = Tracing(exporter)
    monkeypatch.setattr(server_app, "make_tracing", lambda settings: made)
    yield make_client(), lambda: made._provider.force_flush() and exporter.get_finished_spans()
    made.close()


def test_a_request_is_a_span_of_the_clients_trace(traced: tuple[AppClient, Spans], cat: bytes) -> None:
    client, spans = traced
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
    timings = client.post("/v1/classify", files={"file": cat}, headers=headers).json()["timings_ms"]
    (span,) = spans()
    assert span.name.startswith("POST") and f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    noted = span.attributes
    assert (noted["fwht.model"], noted["fwht.images"], noted["fwht.request_id"]) == ("tiny", 1, "mine")
    assert {stage: noted[f"fwht.{stage}_ms"] for stage in timings} == timings
    assert span.resource.attributes["service.name"] == "fwht-classifier"


def test_an_error_is_a_span_and_a_probe_is_none(traced: tuple[AppClient, Spans]) -> None:
    client, spans = traced
    client.get("/livez")
    client.post("/v1/classify", content=b"no image", headers={"Content-Type": "image/jpeg"})
    (span,) = spans()
    assert 400 in span.attributes.values()


def test_open_inference_requests_are_noted_too(traced: tuple[AppClient, Spans]) -> None:
    client, spans = traced
    size = client.get("/v1/models").json()["models"][0]["preprocessing"]["size"]
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 3, size, size], "data": [0.0] * (3 * size * size)}
    assert client.post("/v2/models/tiny/infer", json={"inputs": [tensor]}).status_code == 200
    assert spans()[-1].attributes["fwht.images"] == 1


def test_off_imports_nothing() -> None:
    """Newer versions of FastAPI import OpenTelemetry's interface by themselves; what makes and sends spans is ours."""
    code = (
        "import sys; from server.app import make_app; from server.inference.catalogue import Catalogue;"
        "from server.settings import Settings; s = Settings(); make_app(s, Catalogue(s));"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_asked_for_and_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartupError, match=r"pip install '.\[traces\]'"):
        Tracing()
