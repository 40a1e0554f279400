"""The pictures of a report, by matplotlib, as SVG: their text stays text, so that a browser shows any script."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NUMBERED_CLASSES = 20  # up to so many the counts stand in the matrix
NAMED_CLASSES = 60  # up to so many the names stand beside it
SHOWN_NAME = 24  # characters of a name that have room
SHEET_COLUMNS, SHEET_ROW = 5, 1.3  # images beside each other; a row is so many times as high as one is wide
BLUE, ORANGE, GREY = "#1f5fa8", "#c4570f", "#6b6b6b"
# A class may be called $x$, which is no formula; without a salt each file would differ from the last.
STYLE: Any = {"svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": "report", "font.size": 10}


@contextmanager
def draw(width: float, height: float, description: str | None = None) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure of so many inches, saved as SVG into the buffer at the end, with what it shows in words."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Only for measuring text: the browser that shows it has other fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, buffer
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Description": description})


def shorten(name: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in name)
    return printable if len(printable) <= SHOWN_NAME else printable[: SHOWN_NAME - 1] + "\u2026"


def draw_confusion(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> bytes:
    """Rows are the classes, columns the answers; the colour is the share of the class's images."""
    matrix = np.array(counts)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    classes = len(labels)
    side = min(16.0, 3.0 + 0.42 * classes)
    with draw(side + 1.2, side) as (figure, buffer):
        axes = figure.add_subplot()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        figure.colorbar(image, ax=axes, label="share of the class's images", shrink=0.8)
        axes.set(xlabel="answer", ylabel="class", title="Which class is taken for which")
        if classes <= NAMED_CLASSES:
            names = [shorten(label) for label in labels]
            axes.set_xticks(range(classes), names, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(classes), names)
        if classes <= NUMBERED_CLASSES:
            for row, column in zip(*np.nonzero(matrix)):
                colour = "white" if shares[row, column] > 0.55 else "black"
                axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=8)
    return buffer.getvalue()


def draw_curves(rows: Sequence[dict[str, float | None]]) -> bytes:
    """The rows of log.csv: loss on the left, accuracies on the right, over the epochs."""

    def column(name: str) -> tuple[list[float], list[float]]:
        pairs = [(row["epoch"], row[name]) for row in rows]
        known = [(epoch, value) for epoch, value in pairs if epoch is not None and value is not None]
        return [epoch for epoch, _ in known], [value for _, value in known]

    with draw(9, 3.6) as (figure, buffer):
        left, right = figure.subplots(1, 2)
        left.plot(*column("train_loss"), color=BLUE, marker="." if len(rows) < 40 else None)
        left.set(xlabel="epoch", ylabel="loss", title="Training loss")
        for name, label, colour in (
            ("train_accuracy", "training (augmented)", BLUE),
            ("heldout_accuracy", "held out", ORANGE),
        ):
            epochs, values = column(name)
            if epochs:
                marker = "." if len(rows) < 40 else None
                right.plot(epochs, [100 * value for value in values], color=colour, label=label, marker=marker)
        right.set(xlabel="epoch", ylabel="% right", title="Accuracy")
        right.legend(frameon=False)
        for axes in (left, right):
            axes.xaxis.get_major_locator().set_params(integer=True)
            hide_frame(axes)
    return buffer.getvalue()


def draw_calibration(measured: dict[str, Any]) -> bytes:
    """Scores against the share of right answers, without and with the temperature; how many have which score."""
    temperature = measured["temperature"]
    sides = [("bins_before", f"as they are: error {measured['ece_before']:.1%}", GREY)]
    if temperature is not None:
        sides.append(("bins", f"temperature {temperature:g}: error {measured['ece_after']:.1%}", BLUE))
    with draw(5.2, 6) as (figure, buffer):
        upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        upper.plot((0, 1), (0, 1), color="black", linewidth=0.8, linestyle=":", label="scores that mean what they say")
        for key, label, colour in sides:
            bins = measured[key]
            upper.plot([b["score"] for b in bins], [b["accuracy"] for b in bins], color=colour, marker="o", label=label)
        bins = measured[sides[-1][0]]
        edges = [b["low"] for b in bins]
        lower.bar(
            edges, [b["images"] for b in bins], [b["high"] - b["low"] for b in bins], align="edge", color=sides[-1][2]
        )
        upper.set(ylabel="share that is right", title="Do scores mean what they say?", ylim=(-0.02, 1.02))
        lower.set(xlabel="score of the answer", ylabel="test images", xlim=(0, 1))
        upper.legend(frameon=False, loc="best", fontsize=9)
        for axes in (upper, lower):
            hide_frame(axes)
    return buffer.getvalue()


def draw_mistakes(mistakes: Sequence[dict[str, Any]], images: np.ndarray) -> bytes:
    """A contact sheet: each image as the model saw it, uint8 (N, S, S, 3), with answer, score, true class and file."""
    rows = -(-len(mistakes) // SHEET_COLUMNS)
    with draw(2 * SHEET_COLUMNS, 2 * SHEET_ROW * rows + 0.5) as (figure, buffer):
        axes = figure.add_subplot()  # one for all, which is drawn four times as fast as one for each
        axes.set_axis_off()
        axes.set_title("The most confident mistakes" if mistakes else "No test image is classified wrong")
        for place, mistake in enumerate(mistakes):
            row, column = divmod(place, SHEET_COLUMNS)
            left, top = column + 0.05, row * SHEET_ROW + 0.12
            axes.imshow(images[place], interpolation="nearest", extent=(left, left + 0.9, top + 0.9, top))
            answer = f"{shorten(mistake['answer'])} {mistake['score']:.0%}"
            axes.text(column + 0.5, top - 0.03, answer, ha="center", va="bottom", color=ORANGE, fontsize=9)
            # The end of a path tells more than its beginning, which is the part and the class.
            below = f"is {shorten(mistake['label'])}\n{shorten(mistake['name'].rpartition('/')[2])}"
            axes.text(column + 0.5, top + 0.93, below, ha="center", va="top", fontsize=8)
        axes.set(xlim=(0, SHEET_COLUMNS), ylim=(max(0.1, rows * SHEET_ROW), 0), aspect="equal")
    return buffer.getvalue()


def hide_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
