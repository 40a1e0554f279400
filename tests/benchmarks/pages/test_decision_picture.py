"""The picture of all shipped models says what the results say."""

from __future__ import annotations

from html import unescape

from benchmarks.pages.decision_picture import PICTURE, describe_points, draw_decision, list_points


def test_the_picture_in_docs_is_of_the_results() -> None:
    points = list_points()
    assert points and describe_points(points) in unescape(PICTURE.read_text())


def test_every_model_is_named() -> None:
    drawn = draw_decision().decode()
    assert all(drawn.count(f">{point.name}<") == 1 for point in list_points())
    assert "ms for one image on one core" in drawn and "ONNX file, MB" in drawn
