"""The files of a report: report.json, four pictures, and report.html, which shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from export.report import pictures
from server.files import write_atomically

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; color: #222 }
table { border-collapse: collapse } th, td { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left } img { max-width: 100% } .low { color: #b3390b }"""
LOW_RECALL = 0.5


def report_folder(build: Path, name: str) -> Path:
    return build / f"{name}.report"


def write_report(
    folder: Path, report: dict[str, Any], mistakes: np.ndarray, rows: Sequence[dict[str, float | None]]
) -> Path:
    """Write all files into `folder`; returns the page.

    `report` is that of measure_report with `name`, `data` and `made_by`; `mistakes` are the images of its mistakes,
    uint8 (N, S, S, 3); `rows` those of log.csv, none where there is no log.
    """
    labels = [one["label"] for one in report["classes"]]
    files = {
        "confusion.svg": pictures.draw_confusion(report["confusion"], labels),
        "calibration.svg": pictures.draw_calibration(report["calibration"]),
        "mistakes.svg": pictures.draw_mistakes(report["mistakes"], mistakes),
        **({"curves.svg": pictures.draw_curves(rows)} if rows else {}),
        "report.json": (json.dumps({**report, "epochs": list(rows)}, indent=1) + "\n").encode(),
        "report.html": make_page(report, bool(rows)).encode(),
    }
    if not rows:
        (folder / "curves.svg").unlink(missing_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)
    return folder / "report.html"


def make_page(report: dict[str, Any], has_curves: bool) -> str:
    accuracy, calibration = report["accuracy"], report["calibration"]
    summary = f"{accuracy['top1']:.2%} of {report['images']} test images are right"
    shown = [("mistakes", "The most confident mistakes"), ("calibration", "Scores"), ("confusion", "Confusion matrix")]
    shown += [("curves", "Learning curves")] if has_curves else []
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(report["name"])}</title>',
            f"<style>{STYLE}</style>",
            f"<h1>{escape(report['name'])}</h1>",
            f"<p><b>{summary}</b>; with 95 % confidence {accuracy['low']:.2%} to {accuracy['high']:.2%}.",
            f"Data: {escape(report['data'])}.</p>",
            f"<p>{escape(describe_calibration(calibration))}</p>",
            "<h2>Classes</h2>",
            make_class_table(report["classes"]),
            *(f'<h2>{title}</h2><img src="{name}.svg" alt="{title}">' for name, title in reversed(shown)),
            f"<p>The same as numbers: <a href='report.json'>report.json</a>. Made again by: <code>"
            f"{escape(report['made_by'])}</code></p></html>",
        ]
    )


def describe_calibration(calibration: dict[str, Any]) -> str:
    before, after = calibration["ece_before"], calibration["ece_after"]
    if after is None:
        return f"Scores are off by {before:.1%} on average (expected calibration error); no temperature was fitted."
    return (
        f"Scores are off by {after:.1%} on average (expected calibration error), {before:.1%} without the temperature "
        f"of {calibration['temperature']:g}."
    )


def make_class_table(classes: Sequence[dict[str, Any]]) -> str:
    """The classes, those with the lowest recall first."""

    def share(value: float | None) -> str:
        if value is None:
            return "<td>\u2013</td>"
        return f"<td{' class=low' if value < LOW_RECALL else ''}>{value:.1%}</td>"

    order = sorted(classes, key=lambda one: 2.0 if one["recall"] is None else one["recall"])
    rows = [
        f"<tr><td>{escape(one['label'])}</td><td>{one['images']}</td>{share(one['recall'])}{share(one['precision'])}</tr>"
        for one in order
    ]
    head = "<tr><th>class</th><th>test images</th><th>recall</th><th>precision</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"
