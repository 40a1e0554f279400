"""examples/nginx.conf agrees with the settings of the servers behind it; tests/benchmarks runs a real nginx with it."""

from __future__ import annotations

import re

from server.settings import Settings
from tests.server.support.http_server import ROOT

TEXT = (ROOT / "examples" / "nginx.conf").read_text()


def value(directive: str) -> str:
    (found,) = re.findall(rf"^\s*{directive} ([^;]+);", TEXT, re.MULTILINE)
    return str(found)


def test_limits() -> None:
    settings = Settings()
    assert value("client_header_timeout") == f"{settings.header_timeout}s"
    assert value("client_body_timeout") == f"{settings.upload_timeout}s"
    assert value("client_max_body_size") == f"{settings.max_body_bytes >> 20}m"
    count, size = re.findall(r"(\d+) (\d+)k", value("large_client_header_buffers"))[0]
    assert int(count) * int(size) << 10 == settings.max_header_bytes
    assert int(value("proxy_read_timeout").rstrip("s")) * 1000 > settings.deadline_ms


def test_nginx_closes_an_idle_connection_first() -> None:
    assert int(value("keepalive_timeout").rstrip("s")) < Settings().keep_alive
