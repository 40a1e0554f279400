"""One browser and one server of two models, for all tests of the page."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterator

import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.browser import Visit, open_chromium, open_page
from tests.server.support.http_server import run_http_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MODELS = ["fwht_mobilenet_v2", "mobilenet_v2"]
NOTE = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello"}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="package")
def two_models(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Asks for the browser first: without one there is nothing to serve."""
    log = tmp_path_factory.mktemp("page") / "log"
    native = "required" if "PAGE_PICTURES" in os.environ else os.environ["FWHT_NATIVE"]  # pictures show what users have
    with run_http_server(log, "--models", ",".join(MODELS), "--threads", "1", FWHT_NATIVE=native) as server:
        yield server


@pytest.fixture
def visitor(browser: Browser, two_models: ServerProcess) -> Iterator[Visit]:
    with open_page(browser, two_models.url) as opened:
        yield opened
