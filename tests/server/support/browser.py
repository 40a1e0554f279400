"""A headless Chromium on the page, and what it said and asked for meanwhile."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_MS = 30_000  # a guard: the machine may be busy
STATUS_MESSAGE = "Failed to load resource"  # what Chromium itself says of every answer that is an error


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A browser with a camera that shows a test picture. Skips the test where there is no Playwright or no Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with playwright.sync_playwright() as tools:
        path = next(filter(None, map(shutil.which, NAMES)), tools.chromium.executable_path)
        if not Path(path).exists():
            pytest.skip("needs Chromium: apt install chromium, or playwright install chromium")
        flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-gpu"]
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = tools.chromium.launch(executable_path=path, args=[*flags, *(["--no-sandbox"] if root else [])])
        yield browser
        browser.close()


@dataclass
class Visit:
    """One visit of the page. messages: warnings and errors of the console; urls: every address asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def send(self, file: Any) -> None:
        """Give the page a file: a path, or a dict of name, mimeType and buffer."""
        self.page.set_input_files("#file", file)

    def wait_for_answers(self) -> list[str]:
        """The models whose answers are on show, once there are some and no request is under way."""
        self.page.wait_for_selector("#answer:not(.busy) article")
        return self.page.locator("article h2").all_inner_texts()

    def wait_for_error(self) -> str:
        """Title and text of the error on show."""
        self.page.wait_for_selector("#answer:not(.busy) #wrong:not([hidden])")
        return self.page.locator("#wrong").inner_text()

    def measure_overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return width


@contextmanager
def open_page(browser: Browser, url: str, width: int = 1200, height: int = 900, **context: Any) -> Iterator[Visit]:
    """Open the page at `url` and wait until it knows the models. At the end it must have asked no other host, and
    the console must be empty but for the statuses of answers.
    """
    opened = browser.new_context(viewport={"width": width, "height": height}, **context)
    made = Visit(opened.new_page())
    made.page.set_default_timeout(WAIT_MS)
    made.page.on("console", lambda said: made.messages.append(said.text) if said.type in ("warning", "error") else None)
    made.page.on("pageerror", lambda error: made.messages.append(str(error)))
    made.page.on("request", lambda request: made.urls.append(request.url))
    made.page.goto(url)
    made.page.wait_for_selector("#about:not(:empty)")
    yield made
    opened.close()
    assert [message for message in made.messages if not message.startswith(STATUS_MESSAGE)] == []
    assert [address for address in made.urls if not address.startswith((url, "blob:", "data:"))] == []
