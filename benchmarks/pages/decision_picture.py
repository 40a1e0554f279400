"""The picture that decides which model to take: docs/models.svg, made of the results `accuracy` and `models`.

Accuracy with its 95 % interval against the time of one image on one core, and against the size of the ONNX file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from benchmarks.pages.accuracy_tables import REFERENCE
from benchmarks.pages.results import read_result
from export.report.pictures import BLUE, ORANGE, draw, hide_frame

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "models.svg"
MARKERS = "osD^vPX*hp<>"  # one for each hybrid, and for each other model


class Point(NamedTuple):
    name: str
    top1: float
    low: float
    high: float
    ms: float
    megabytes: float


def list_points() -> list[Point]:
    """Of every model whose accuracy and time were both measured."""
    times = next(row for row in read_result("models")["rows"] if row["batch"] == 1)["times"]
    points = []
    for name, model in read_result("accuracy")["models"].items():
        if name in times:
            top1, low, high = (model["engines"][REFERENCE][key] for key in ("top1", "low", "high"))
            points.append(Point(name, top1, low, high, times[name]["median_ms"], model["onnx_bytes"] / 1e6))
    return points


def describe_points(points: Sequence[Point]) -> str:
    """The picture in words, which the file holds too."""
    return "; ".join(
        f"{p.name}: {p.top1:.2%} ({p.low:.2%} to {p.high:.2%}), {p.ms:.3g} ms, {p.megabytes:.1f} MB" for p in points
    )


def draw_side(axes: Axes, points: Sequence[Point], costs: Sequence[float], label: str) -> None:
    """Accuracy against one cost."""
    markers = {True: iter(MARKERS), False: iter(MARKERS)}
    for point, cost in zip(points, costs):
        hybrid = point.name.startswith("fwht")
        bars = [[100 * (point.top1 - point.low)], [100 * (point.high - point.top1)]]
        look: dict[str, Any] = {"color": ORANGE if hybrid else BLUE, "marker": next(markers[hybrid]), "capsize": 3}
        axes.errorbar([cost], [100 * point.top1], yerr=bars, linestyle="none", label=point.name, **look)
    axes.set(xlabel=label, xlim=(0, 1.08 * max(costs)))
    hide_frame(axes)


def draw_decision() -> bytes:
    """SVG: hybrids orange, the networks that they are made of and other rivals blue."""
    points, measured = list_points(), read_result("models")
    machine = f"{measured['machine']['processor']}, {measured['instruction_set'].replace('avx', 'AVX')}"
    with draw(9, 4.2, describe_points(points)) as (figure, buffer):
        left, right = figure.subplots(1, 2, sharey=True)
        draw_side(left, points, [point.ms for point in points], f"ms for one image on one core ({machine})")
        draw_side(right, points, [point.megabytes for point in points], "ONNX file, MB")
        left.set_ylabel("% of the test images right (95 %)")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return buffer.getvalue()
