"""The charts are XML that a browser draws, in the page's colours, and bars are as long as the times they stand for."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from server.layers.chart import BARS, END, KINDS, draw_report
from server.layers.diff import diff
from server.layers.diff_chart import draw_diff
from server.layers.svg import COLOURS, escape_text

from .sides import item, report, side

SVG = "{http://www.w3.org/2000/svg}"
PAGE = Path(__file__).resolve().parents[3] / "server" / "page"
ITEMS = [
    item("stem", 0.02, ms_p10=0.019, ms_p90=0.025),
    item("stem -> blocks.1.expand", 0.005, op="ReorderOutput", nodes=[]),
    item("blocks.1.expand", 0.1, op="FWHTLayer"),
    item("blocks.1.depthwise", 0.03, op="MFDepthwiseConv"),
]


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def bars(svg: str, height: str) -> list[tuple[str, float]]:
    """Class and width of the rectangles of a height that begin where the bars do or in the strip."""
    found = [
        one for one in drawn(svg).iter(f"{SVG}rect") if one.get("height") == height and one.get("class") != "track"
    ]
    return [(str(one.get("class")), float(one.get("width", "nan"))) for one in found]


def words(svg: str) -> str:
    return " | ".join("".join(one.itertext()) for one in drawn(svg).iter(f"{SVG}text"))


def test_bars_are_as_long_as_their_times_and_coloured_by_kind() -> None:
    chart = draw_report(report(*ITEMS))
    found = bars(chart, "11.0")[4:]  # after the legend's squares
    assert [kind for kind, _ in found] == ["other", "unknown", "fwht", "mf"]
    assert [width for _, width in found] == pytest.approx(
        [ms / 0.1 * (END - BARS) for ms in (0.02, 0.005, 0.1, 0.03)], abs=0.01
    )
    strip = dict(bars(chart, "22.0"))
    assert strip["fwht"] / sum(strip.values()) == pytest.approx(0.1 / 0.155, abs=0.001)
    said = words(chart)
    assert all(one["name"] in said for one in ITEMS) and "FWHT layers 0.100 ms, 65%" in said
    assert "all layers 0.155 ms; a run without the profiler takes 0.155 ms" in said


def test_layers_of_two_dimensions_have_a_colour_of_their_own() -> None:
    plane = item("blocks.1.conv2.paths.1.fwht", 0.04, op="FWHT2D")
    assert [kind for kind, _ in bars(draw_report(report(plane)), "11.0")] == ["fwht2d", "fwht2d"]
    assert "2-D FWHT layers 0.040 ms, 100%" in words(draw_report(report(plane)))
    whole = side(item("blocks.1.conv2", 0.08))
    assert [kind for kind, _ in bars(draw_diff(diff(whole, side(plane), 0.10)), "11.0")][-2:] == ["other", "fwht2d"]
    sheet = (PAGE / "page.css").read_text()
    assert all(f"i.{kind} {{" in sheet for kind in ("fwht", "fwht2d", "mf", "other"))


def test_noise_is_written_on_the_chart() -> None:
    conditions = {"model": "tiny", "backend": "onnxruntime", "precision": "fp32", "batch": 4, "noisy": "too <warm>"}
    said = words(draw_report(report(*ITEMS, conditions=conditions, rounds=10)))
    assert "Layer times of tiny" in said and "onnxruntime, fp32, batch 4" in said
    assert "Noisy: too <warm>" in said and "50 profiled runs in 10 rounds" in said


def test_two_bars_for_each_group() -> None:
    a = side(item("stem", 0.02), item("blocks.1.expand", 0.05), item("old", 0.01))
    b = side(*ITEMS)
    chart = draw_diff(diff(a, b, 0.10))
    groups = bars(chart, "11.0")
    kinds = [kind for kind, _ in groups]
    assert kinds[-7:] == ["other", "other", "other", "fwht", "other", "unknown", "mf"]
    (_, before), (_, after) = groups[-5:-3]
    assert after == pytest.approx(2 * before)
    said = words(chart)
    assert "+0.050 ms  +100%" in said and "slower, above the limit" in said and "Conv -> FWHTLayer" in said
    assert "Only in A: 0.010 ms together" in said and "Only in B: 0.035 ms together" in said
    assert "above: certainly more than 10% slower" in said


@pytest.mark.parametrize("name", ['<b>&"x"', "a\x1fb\x00c\ud800", "x" * 500, "层 + 层", ""])
def test_any_name_can_be_drawn(name: str) -> None:
    one = item(name, nodes=[name])
    for chart in (draw_report(report(one)), draw_diff(diff(side(one), side(one)))):
        drawn(chart.encode("utf-8").decode("utf-8"))
    assert not re.search("[\x00-\x08\x0e-\x1f]", escape_text(name))


def test_nothing_took_time() -> None:
    one = item("stem", 0.0)
    drawn(draw_report(report(one)))
    drawn(draw_diff(diff(side(one), side(one))))


@pytest.mark.parametrize(("scheme", "place"), [("light", 0), ("dark", 1)])
def test_the_colours_are_the_pages(scheme: str, place: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (PAGE / "page.css").read_text(), flags=re.DOTALL)
    page = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]+);", blocks[place]))
    assert {name: pair[place] for name, pair in COLOURS.items()} == {name: page[name] for name in COLOURS}


def test_the_kinds_are_the_pages() -> None:
    (table,) = re.findall(
        r"^const KINDS = \{(.*?)\};$", (PAGE / "page_layers.js").read_text(), re.MULTILINE | re.DOTALL
    )
    assert dict(re.findall(r'(\w+): "([^"]+)"', table)) == KINDS
