"""The tables of accuracy, made of the results of `make accuracy`."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.families import find_baseline
from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import describe_machine, read_result

REFERENCE = "pytorch fp32"


def format_share(value: float) -> str:
    return f"{value:.2%}"


def make_accuracy_table() -> str:
    """Every shipped model: accuracy with its interval, and what one image costs."""
    measured = read_result("accuracy")["models"]
    rows = []
    for name, row in sorted(measured.items(), key=lambda item: (find_baseline(item[0]), -item[1]["parameters"])):
        found = row["engines"][REFERENCE]
        cost = [f"{row[key] / 1e6:.1f} M" for key in ("multiply_adds", "additions")]
        rows.append(
            [
                f"`{name}`",
                f"{row['parameters']:,}",
                *cost,
                f"{row['onnx_bytes'] / 1e6:.1f} MB",
                f"{format_share(found['top1'])} ({format_share(found['low'])} to {format_share(found['high'])})",
                describe_points_lost(name, measured),
            ]
        )
    head = ["model", "parameters", "multiply-adds", "additions", "ONNX", "test accuracy (95 %)", "points to baseline"]
    return make_table(head, rows)


def describe_points_lost(name: str, measured: dict[str, Any]) -> str:
    """Points to the network that a hybrid is made of; empty for one that is no hybrid."""
    baseline = find_baseline(name)
    if name == baseline:
        return ""
    top1, expected = (measured[model]["engines"][REFERENCE]["top1"] for model in (name, baseline))
    return f"{100 * (top1 - expected):+.2f}"


def make_comparison_table() -> str:
    rows = [
        [
            f"`{row['models'][0]}`",
            f"`{row['models'][1]}`",
            f"{row['points']:+.2f}",
            f"{row['only_first']} / {row['only_second']}",
            f"{row['p']:.2g}",
        ]
        for row in read_result("accuracy")["comparisons"]
    ]
    return make_table(["model", "against", "points", "only the one / the other right", "McNemar's p"], rows)


def make_engine_table() -> str:
    """The same models through every engine that could be run, and why another could not."""
    measured = read_result("accuracy")["models"]
    names = list(dict.fromkeys(engine for row in measured.values() for engine in row["engines"]))
    rows = [
        [f"`{name}`", *(_format_engine(row["engines"].get(engine)) for engine in names)]
        for name, row in measured.items()
    ]
    return make_table(["model", *names], rows)


def _format_engine(row: dict[str, Any] | None) -> str:
    if row is None or "skipped" in row:
        return "not run"
    return f"{format_share(row['top1'])}, {row['other_labels']} other labels"


def describe_accuracy_conditions() -> str:
    measured = read_result("accuracy")
    images = next(iter(measured["models"].values()))["engines"][REFERENCE]["images"]
    return f"{images:,} test images of {measured['data']['description']}. {describe_machine(measured)}."


def make_calibration_table() -> str:
    """The error of the scores as they are, with a fitted temperature, and with the best there is."""
    rows = []
    for name, row in read_result("calibration")["models"].items():
        fitted = "none" if row["temperature"] is None else f"{row['ece_fitted']:.1%} (T = {row['temperature']:.2f})"
        lowest = f"{row['ece_lowest']:.1%} (T = {row['temperature_lowest']:.2f})"
        rows.append([f"`{name}`", f"{row['ece']:.1%}", fitted, lowest])
    return make_table(["model", "as shipped, T = 1", "T fitted on training images", "lowest of all T"], rows)


PARTS = {
    "accuracy": make_accuracy_table,
    "comparisons": make_comparison_table,
    "engines": make_engine_table,
    "accuracy_conditions": describe_accuracy_conditions,
    "calibration": make_calibration_table,
}
