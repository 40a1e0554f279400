"""Page and API under a path: behind HAProxy and nginx that take it off, with the files in examples/, in Chromium."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import httpx
import pytest

from benchmarks.harness.nginx import AROUND, find_nginx
from benchmarks.harness.process_tree import find_free_port
from benchmarks.harness.server_process import ServerProcess
from tests.server.conftest import CAT
from tests.server.page.conftest import MODELS
from tests.server.support.browser import STATUS_MESSAGE, WAIT_MS, Visit, open_page
from tests.server.support.http_server import ROOT, run_http_server
from tests.tools import need_nginx, skip_or_fail

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WITHIN_S = 20.0  # a guard


def write_configuration(example: str, folder: Path, listen: int, server: int) -> str:
    text = (ROOT / "examples" / example).read_text()
    for old, new in (("listen 8000;", f"listen 127.0.0.1:{listen};"), ("bind :8000", f"bind 127.0.0.1:{listen}")):
        text = text.replace(old, new)
    (folder / "classifiers.conf").write_text(text.replace("127.0.0.1:8001", f"127.0.0.1:{server}"))
    return str(folder / "classifiers.conf")


def make_command(proxy: str, folder: Path, listen: int, server: int) -> list[str]:
    path = write_configuration(f"{proxy}_prefix.{'cfg' if proxy == 'haproxy' else 'conf'}", folder, listen, server)
    if proxy == "haproxy":
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if program is None:
            skip_or_fail("needs HAProxy: apt install haproxy")
        return [str(program), "-db", "-f", path]
    need_nginx()
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    return [find_nginx(), "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]


@pytest.fixture(scope="module", params=["haproxy", "nginx"])
def address(
    request: pytest.FixtureRequest, two_models: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Of the page behind the proxy."""
    folder, listen = tmp_path_factory.mktemp(request.param), find_free_port()
    with ExitStack() as stack:
        with (folder / "log").open("w") as log:
            command = make_command(request.param, folder, listen, two_models.port)
            proxy = subprocess.Popen(command, stdout=log, stderr=log)
        stack.callback(proxy.wait)
        stack.callback(proxy.terminate)
        url = f"http://127.0.0.1:{listen}/classifier/"
        end = time.monotonic() + WITHIN_S
        while not answers(url) and time.monotonic() < end and proxy.poll() is None:
            time.sleep(0.05)
        assert answers(url), (folder / "log").read_text()
        yield url


def answers(url: str) -> bool:
    try:
        return httpx.get(url + "readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_page_classifies_measures_and_compares(browser: Browser, address: str) -> None:
    with open_page(browser, address) as visitor:
        visitor.page.check("#wanted")
        visitor.page.select_option("#other", MODELS[1])
        visitor.send(CAT)
        assert visitor.wait_for_answers() == MODELS
        visitor.page.wait_for_selector("#rows.two")
        links = visitor.page.eval_on_selector_all("nav a", "links => links.map(link => link.pathname)")
        assert links == ["/classifier/docs", "/classifier/metrics"] and visitor.messages == []


def open_docs(browser: Browser, address: str) -> Visit:
    visit = Visit(browser.new_page())
    visit.page.set_default_timeout(WAIT_MS)
    visit.page.on(
        "console", lambda said: visit.messages.append(said.text) if said.type in ("warning", "error") else None
    )
    visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
    visit.page.on("request", lambda request: visit.urls.append(request.url))
    visit.page.goto(address + "docs")
    visit.page.wait_for_selector(".opblock-summary-path")
    return visit


def check_docs(visit: Visit, address: str) -> None:
    """An operation can be tried; no other host is asked, and nothing is complained of."""
    visit.page.click("#operations-operation-livez_livez_get .opblock-summary-control")
    visit.page.click(".try-out__btn")
    visit.page.click("button.execute")
    visit.page.wait_for_selector(".live-responses-table .response-col_status")
    assert visit.page.locator(".live-responses-table .response-col_status").nth(1).inner_text().startswith("200")
    assert visit.page.locator(".request-url pre").inner_text() == f"{address}livez"
    visit.page.close()
    assert [message for message in visit.messages if not message.startswith(STATUS_MESSAGE)] == []
    assert [url for url in visit.urls if not url.startswith((address, "data:", "blob:"))] == []


def test_docs_can_be_read_and_tried(browser: Browser, address: str) -> None:
    check_docs(open_docs(browser, address), address)


def test_docs_without_a_proxy(browser: Browser, two_models: ServerProcess) -> None:
    """With no host but this one: a board may have no Internet."""
    check_docs(open_docs(browser, two_models.url + "/"), two_models.url + "/")


def test_redirects_descriptions_and_problems_name_the_path(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        for path, wanted in (("docs/", "docs"), ("v1/models/", "v1/models"), ("v1/models/?a=b", "v1/models?a=b")):
            assert client.get(path).headers["location"] == f"/classifier/{wanted}"
        without_slash = client.get(address.rstrip("/"))
        assert without_slash.status_code == 301 and without_slash.headers["location"] == "/classifier/"
        assert client.get("openapi.json").json()["servers"] == [{"url": "/classifier"}]
        problem = client.get("nothing").json()
        assert problem["instance"] == "/classifier/nothing" and "/classifier/docs" in problem["detail"]
        assert client.head("readyz").status_code == client.options("readyz").status_code == 200


@pytest.mark.parametrize("given", ["/classifier/v1/models", "/v1/models"])
def test_root_path_as_a_setting(tiny: Path, tmp_path: Path, given: str) -> None:
    """For proxies that say nothing, whether they take the path off or not."""
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--root-path", "/classifier/") as server:
        assert httpx.get(server.url + given).json()["models"][0]["name"] == "tiny"
        assert httpx.get(server.url + given + "/").headers["location"] == "/classifier/v1/models"
        root = given[: -len("v1/models")]
        assert 'href="/classifier/docs"' in httpx.get(server.url + root).text
        assert 'href="/classifier/docs"' in httpx.get(server.url + "/classifier").text
        assert httpx.get(server.url + root + "openapi.json").json()["servers"] == [{"url": "/classifier"}]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("/a", "/a/v1/models"),
        ("/a/", "/a/v1/models"),
        ("/a, /b", "/a/b/v1/models"),
        ("//evil.example", "/v1/models"),
        ('/a"><script>', "/v1/models"),
        ("/../a", "/v1/models"),
        ("evil", "/v1/models"),
        ("/" + "a" * 300, "/v1/models"),
    ],
)
def test_only_a_path_from_a_trusted_peer_counts(running: ServerProcess, header: str, wanted: str) -> None:
    answer = httpx.get(f"{running.url}/v1/models/", headers={"X-Forwarded-Prefix": header})
    assert answer.headers["location"] == wanted


def test_who_is_not_trusted_is_not_believed(tiny: Path, tmp_path: Path) -> None:
    flags = "--models", str(tiny), "--trusted-proxies", "10.0.0.0/8"
    with run_http_server(tmp_path / "log", *flags) as server:
        answer = httpx.get(f"{server.url}/v1/models/", headers={"X-Forwarded-Prefix": "/a"})
        assert answer.headers["location"] == "/v1/models"
