"""The page by keyboard, in narrow windows, for screen readers, and in the pictures of the README."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.conftest import CAT
from tests.server.page.conftest import MODELS, NOTE
from tests.server.support.browser import Visit, open_page
from tests.server.support.http_server import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_keyboard_reaches_everything(visitor: Visit) -> None:
    reached, focused = [], "(({id, title, pathname}) => id || title || pathname)(document.activeElement)"
    for _ in range(8):
        visitor.page.keyboard.press("Tab")
        reached.append(visitor.page.evaluate(focused))
    assert reached == [
        "/docs",
        "/metrics",
        "file",
        "A cat (photo: Stefan van der Walt, CC0)",
        "open",
        "wanted",
        "model",
        "other",
    ]
    visitor.page.focus("#open")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector("#shoot:focus")
    visitor.page.keyboard.press("Escape")
    visitor.page.wait_for_selector("#open:focus")
    outline = "getComputedStyle(document.getElementById('drop')).outlineStyle"
    assert visitor.page.evaluate(outline) == "none"
    visitor.page.focus("#file")
    assert visitor.page.evaluate(outline) == "solid"


@pytest.mark.parametrize("width", [320, 390, 768, 1024])
def test_nothing_is_cut_off_in_a_narrow_window(browser: Browser, two_models: ServerProcess, width: int) -> None:
    with open_page(browser, two_models.url, width) as visitor:
        assert visitor.measure_overflow() <= 0
        visitor.page.check("#wanted")
        visitor.send(CAT)
        visitor.wait_for_answers()
        assert visitor.measure_overflow() <= 0
        visitor.page.select_option("#other", MODELS[1])
        visitor.page.wait_for_selector("#rows.two")
        assert visitor.measure_overflow() <= 0


def findings(visitor: Visit) -> list[str]:
    """What axe-core calls serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    violations = axe.Axe().run(visitor.page).response["violations"]
    serious = [found for found in violations if found["impact"] in ("serious", "critical")]
    return [f"{found['id']}: {json.dumps([node['html'] for node in found['nodes']])}" for found in serious]


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, two_models: ServerProcess, scheme: str, width: int) -> None:
    with open_page(browser, two_models.url, width, color_scheme=scheme) as visitor:
        assert findings(visitor) == []
        visitor.page.check("#wanted")
        visitor.send(CAT)
        visitor.wait_for_answers()
        assert findings(visitor) == []
        visitor.page.select_option("#other", MODELS[1])
        visitor.page.wait_for_selector("#rows.two")
        assert findings(visitor) == []
        visitor.send(NOTE)
        visitor.wait_for_error()
        assert findings(visitor) == []


def test_pictures(browser: Browser, two_models: ServerProcess, tmp_path: Path) -> None:
    """The page as the README shows it; PAGE_PICTURES=docs writes the pictures there."""
    folder = ROOT / os.environ.get("PAGE_PICTURES", tmp_path)
    for scheme, width, name in (("light", 1100, "answer"), ("dark", 1100, "compare"), ("light", 390, "phone")):
        with open_page(browser, two_models.url, width, 1000, color_scheme=scheme) as visitor:
            visitor.page.check("#wanted")
            for _ in range(3 if "PAGE_PICTURES" in os.environ else 1):  # the first answers of a process are slower
                visitor.send(CAT)
                visitor.wait_for_answers()
            if name == "compare":
                visitor.page.select_option("#other", MODELS[1])
                visitor.page.wait_for_selector("#rows.two")
            visitor.page.screenshot(path=folder / f"{name}.png")
