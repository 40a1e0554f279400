"""The page in Chromium: images go in by every way, answers and errors come out."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from tests.server.conftest import CAT
from tests.server.page.conftest import MODELS, NOTE
from tests.server.support.browser import Visit, open_page
from tests.server.support.http_server import run_http_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

GIVE = """([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), transfer = new DataTransfer();
  if (data) transfer.items.add(new File([bytes], "given.jpg", {type: "image/jpeg"}));
  document.body.dispatchEvent(kind === "drop"
    ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
    : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true}));
}"""


def test_upload_shows_labels_and_stages(visitor: Visit) -> None:
    visitor.send(CAT)
    assert visitor.wait_for_answers() == MODELS[:1]
    rows = visitor.page.locator(".labels tr").all_inner_texts()
    assert len(rows) == 5 and rows[0].startswith("cat")
    stages = visitor.page.locator("article .legend li").all_inner_texts()
    assert {"decode", "inference"} <= {stage.split()[0] for stage in stages}
    share = "fill => fill.offsetWidth / fill.parentNode.offsetWidth"
    assert 0.8 < visitor.page.locator(".labels .track i").first.evaluate(share) < 1
    assert visitor.page.locator("#layers").is_hidden() and visitor.messages == []


def test_layers_are_bars_in_the_colour_of_their_kind(visitor: Visit) -> None:
    visitor.page.check("#wanted")
    visitor.send(CAT)
    visitor.wait_for_answers()
    row = visitor.page.locator("#rows tbody tr", has_text="blocks.14.expand").filter(has_text="FWHTLayer")
    blue = row.locator("i").evaluate("fill => getComputedStyle(fill).backgroundColor")
    grey = visitor.page.locator("#rows tbody tr", has_text="stem").locator("i")
    assert blue != grey.evaluate("fill => getComputedStyle(fill).backgroundColor")
    assert "FWHT layers" in visitor.page.locator("#kinds").inner_text() and visitor.messages == []


def test_two_models_side_by_side(visitor: Visit) -> None:
    visitor.page.check("#wanted")
    visitor.page.select_option("#other", MODELS[1])
    visitor.send(CAT)
    assert visitor.wait_for_answers() == MODELS
    assert visitor.page.locator("#verdict").inner_text().startswith("Both say cat. Inference: ")
    first, second = visitor.page.locator("article").all()
    a, b = first.bounding_box(), second.bounding_box()
    assert a and b and a["y"] == b["y"] and a["x"] + a["width"] < b["x"]
    assert visitor.page.locator("#rows thead th").all_inner_texts() == ["Layer", *MODELS, "Difference"]
    cells = visitor.page.locator("#rows tbody tr", has_text="blocks.14.expand").first.locator("td").all_inner_texts()
    assert "FWHTLayer" in cells[0] and "Conv" in cells[1] and len(cells) == 3
    names = visitor.page.locator("#rows tbody th").all_inner_texts()
    layers = [name for name in names if "\u2192" not in name]
    assert len(layers) == len(set(layers)) and layers[0] == "stem" and layers[-1] == "classifier"
    assert visitor.messages == []


def test_choosing_a_model_sends_the_image_again(visitor: Visit) -> None:
    visitor.send(CAT)
    visitor.wait_for_answers()
    visitor.page.select_option("#model", MODELS[1])
    visitor.page.wait_for_selector(f"article h2:text-is('{MODELS[1]}')")
    assert visitor.page.locator("#other option").all_inner_texts() == ["no other", MODELS[0]]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_image_that_is_dropped_or_pasted(visitor: Visit, way: str) -> None:
    visitor.page.evaluate(GIVE, [way, base64.b64encode(CAT.read_bytes()).decode()])
    assert visitor.wait_for_answers() == MODELS[:1]
    assert visitor.page.locator("#invitation").inner_text() == "given.jpg"


def test_photo_that_the_page_offers(visitor: Visit) -> None:
    """The cat alone: none of these models knows the others."""
    offered = visitor.page.locator("#samples button:visible")
    offered.first.wait_for()
    assert offered.count() == 1 and offered.get_attribute("title") == "A cat (photo: Stefan van der Walt, CC0)"
    offered.click()
    assert visitor.wait_for_answers() == ["fwht_mobilenet_v2"]
    assert visitor.page.locator(".labels tr th, .labels tr td").first.inner_text() == "cat"
    assert visitor.page.locator("#invitation").inner_text() == "chelsea.jpg" and visitor.messages == []


def test_link_that_is_dropped_is_not_fetched(visitor: Visit) -> None:
    visitor.page.evaluate(GIVE, ["drop", ""])
    assert "links are not fetched" in visitor.wait_for_error()


def test_camera(visitor: Visit) -> None:
    visitor.page.click("#open")
    visitor.page.click("#shoot")
    assert visitor.wait_for_answers() == MODELS[:1]
    assert visitor.page.locator("#invitation").inner_text() == "camera.jpg"
    assert visitor.page.locator("#camera").is_hidden() and visitor.messages == []


def test_file_that_is_no_image(visitor: Visit) -> None:
    visitor.send(CAT)
    visitor.wait_for_answers()
    visitor.send(NOTE)
    assert visitor.wait_for_error().startswith("This image cannot be read")
    assert visitor.page.locator("article").count() == 0
    visitor.send(CAT)
    assert visitor.wait_for_answers() == MODELS[:1] and visitor.page.locator("#wrong").is_hidden()


def test_busy_server_can_be_asked_again(visitor: Visit) -> None:
    problem = {"detail": "too many requests are waiting: try again in a second"}
    visitor.page.route("**/v1/classify*", lambda route: route.fulfill(status=503, json=problem))
    visitor.send(CAT)
    text = visitor.wait_for_error()
    assert "The server is busy" in text and "Too many requests are waiting" in text
    visitor.page.unroute("**/v1/classify*")
    visitor.page.click("#again")
    assert visitor.wait_for_answers() == MODELS[:1]


def test_server_that_is_gone_and_answer_that_is_no_json(visitor: Visit) -> None:
    visitor.page.route("**/v1/classify*", lambda route: route.abort())
    visitor.send(CAT)
    assert visitor.wait_for_error().startswith("The server did not answer")
    visitor.page.unroute("**/v1/classify*")
    visitor.page.route("**/v1/classify*", lambda route: route.fulfill(status=413, body="<html>"))
    visitor.send(CAT)
    visitor.page.wait_for_selector("#title:text('The image is too large')")


def test_only_the_newest_answer_is_shown(visitor: Visit) -> None:
    held: list[Route] = []
    visitor.page.route("**/v1/classify*", lambda route: held.append(route) if not held else route.continue_())
    visitor.send(NOTE)
    visitor.send(CAT)
    assert visitor.wait_for_answers() == MODELS[:1] and len(held) == 1
    assert visitor.page.locator("#wrong").is_hidden()


def test_what_is_not_certain_has_no_label(browser: Browser, tmp_path: Path) -> None:
    """With a min_score: said on the card, to screen readers and in the comparison; the predictions stay."""
    flags = "--models", ",".join(MODELS), "--threads", "1", "--min-score", "0.9999"
    with run_http_server(tmp_path / "log", *flags) as server, open_page(browser, server.url) as visitor:
        visitor.page.select_option("#other", MODELS[1])
        visitor.send(CAT)
        visitor.wait_for_answers()
        first = visitor.page.locator("article .unsure").first.inner_text()
        assert first.startswith("No label: the highest score, ") and first.endswith(
            " for cat, is below min_score 0.9999."
        )
        assert visitor.page.locator("article").first.locator(".labels tr").count() == 5
        assert "no label, at best cat" in visitor.page.locator("#said").inner_text()
        assert visitor.page.locator("#verdict").inner_text().startswith("Both say nothing for certain.")


@pytest.fixture
def locked(browser: Browser, tiny: Path, tmp_path: Path) -> Iterator[Visit]:
    """A visit of a server that wants a key for everything, and the admin key for layer times."""
    keys = {"FWHT_API_KEYS": "client", "FWHT_LAYERS": "admin", "FWHT_ADMIN_KEY": "boss"}
    with run_http_server(tmp_path / "log", "--models", str(tiny), **keys) as server, open_page(
        browser, server.url
    ) as opened:
        yield opened


def test_keys_are_asked_for_where_the_server_wants_them(locked: Visit) -> None:
    page = locked.page
    assert page.locator("#about").inner_text() == "this server asks for a key"
    locked.send(CAT)
    assert locked.wait_for_error().startswith("This server asks for a key")
    page.fill("#key", "client")
    page.press("#key", "Enter")
    assert (
        locked.wait_for_answers() == ["tiny"]
        and page.locator("#lock").is_hidden()
        and page.locator("#choices").is_hidden()
    )
    page.check("#wanted")
    assert "admin key" in locked.wait_for_error()
    page.fill("#key", "n\u00f6")
    page.press("#key", "Enter")
    page.wait_for_selector("#reason:text('no key has')")
    page.fill("#key", "boss")
    page.press("#key", "Enter")
    assert locked.wait_for_answers() == ["tiny"] and page.locator("#rows i.mf").count() == 1
