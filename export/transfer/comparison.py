"""Two exported models side by side on this machine: accuracy, time, size, and which of them to deploy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

from export.data.datasets import Part
from export.report.measures import measure_accuracy
from export.report.significance import compare
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.files import write_atomically
from server.profiling.machine import describe_machine
from server.profiling.turns import alternate

ROUNDS, SECONDS = 10, 0.2
BATCH = 64
SURE = 0.05  # below this p the two are told apart
SAME_SPEED = 0.05  # medians nearer than this share are called alike
GIVEN_UP = 0.01  # of accuracy, for a smaller or faster model, where the test images tell no difference


@dataclass(frozen=True)
class ExportedModel:
    """`right`: how many of `images` test images, with the 95 % interval `low` to `high`; `ms` of one image, median."""

    name: str
    right: int
    images: int
    low: float
    high: float
    ms: float
    p10_ms: float
    p90_ms: float
    megabytes: float
    kernels: str | None

    @property
    def accuracy(self) -> float:
        return self.right / self.images


@dataclass(frozen=True)
class Comparison:
    """`p`: how likely so different answers are if neither is better; `deploy` and `why`: the advice."""

    baseline: ExportedModel
    hybrid: ExportedModel
    p: float
    deploy: str
    why: str


def classify(path: Path, part: Part, plain: dict[str, Any]) -> np.ndarray:
    """Class ids int64 (N,) that the ONNX file gives the images of `part`, normalised by `plain`'s mean and std."""
    backend = OnnxRuntimeBackend(path)
    mean, std = (np.array(plain[key], np.float32)[:, None, None] for key in ("mean", "std"))
    answers = []
    for start in range(0, len(part.class_ids), BATCH):
        pixels = part.images[start : start + BATCH].transpose(0, 3, 1, 2).astype(np.float32)
        answers.append(backend.infer(np.ascontiguousarray((pixels - mean) / std)).argmax(axis=1))
    return np.concatenate(answers)


def make_runner(path: Path, size: int) -> Callable[[], object]:
    backend, image = OnnxRuntimeBackend(path), np.random.default_rng(0).standard_normal((1, 3, size, size))
    batch = image.astype(np.float32)
    return lambda: backend.infer(batch)


def compare_models(baseline: Path, hybrid: Path, part: Part, plain: dict[str, Any]) -> Comparison:
    """Two ONNX files on the same test images, and in turns for the time of one image."""
    paths = (baseline, hybrid)
    rights = [classify(path, part, plain) == part.class_ids for path in paths]
    makers = {path.stem: (lambda path=path: make_runner(path, plain["size"])) for path in paths}
    times = alternate(makers, ROUNDS, SECONDS)  # type: ignore[arg-type]
    models = [describe_model(path, right, times[path.stem]) for path, right in zip(paths, rights)]
    p = compare(rights[0], rights[1])["p"]
    deploy, why = choose(models[0], models[1], p)
    return Comparison(models[0], models[1], p, deploy, why)


def describe_model(path: Path, right: np.ndarray, times: dict[str, Any]) -> ExportedModel:
    found = measure_accuracy(int(right.sum()), len(right))
    milliseconds = times["median_ms"], times["p10_ms"], times["p90_ms"]
    share = found["right"], len(right), found["low"], found["high"]
    return ExportedModel(path.stem, *share, *milliseconds, path.stat().st_size / 1e6, OnnxRuntimeBackend(path).kernels)


def choose(baseline: ExportedModel, hybrid: ExportedModel, p: float) -> tuple[str, str]:
    """The name of the one to deploy, and why.

    The hybrid has to earn it: by accuracy, or, where it gives up no more than a point and the images tell no
    difference, by being faster, or smaller and as fast.
    """
    points, ratio = 100 * (hybrid.right - baseline.right) / baseline.images, hybrid.ms / baseline.ms
    sure = p < SURE
    size = hybrid.megabytes / baseline.megabytes
    speed = f"takes {ratio:.2f} times the baseline's time and {size:.2f} times its size"
    told = f"p = {p:.2g}" if sure else f"which {baseline.images} test images do not tell apart, p = {p:.2g}"
    faster, slower = ratio < 1 - SAME_SPEED, ratio > 1 + SAME_SPEED
    if sure and points > 0:
        if not slower:
            return hybrid.name, f"it is right {points:.1f} points more often ({told}) and {speed}"
        return hybrid.name, f"it is right {points:.1f} points more often ({told}), though it {speed}"
    if not sure and points >= -100 * GIVEN_UP and (faster or (not slower and size < 1)):
        return hybrid.name, f"it {speed}, {points:+.1f} points ({told})"
    if points < 0:
        loss = f"the hybrid is right {-points:.1f} points less often ({told})"
        if not faster:
            return baseline.name, f"{loss} and not faster: it {speed}"
        return baseline.name, f"{loss}; where time or size counts more than that, {hybrid.name}, which {speed}"
    return baseline.name, f"the hybrid {speed}, {points:+.1f} points ({told})"


def make_table(comparison: Comparison) -> str:
    """What `make transfer` ends with."""
    rows = [("model", "accuracy", "95 % interval", "ms an image", "MB", "our ops run by")]
    for model in (comparison.baseline, comparison.hybrid):
        interval = f"{model.low:.1%} to {model.high:.1%}"
        measured = f"{model.accuracy:.1%}", interval, f"{model.ms:.2f}", f"{model.megabytes:.1f}"
        rows.append((model.name, *measured, model.kernels or "-"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, f"deploy {comparison.deploy}: {comparison.why}"])


def write_comparison(path: Path, comparison: Comparison) -> None:
    value = {**asdict(comparison), "machine": describe_machine()}
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())
