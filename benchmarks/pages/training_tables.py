"""The tables of accuracy and of short trainings, made of their results by benchmarks/pages/renew.py."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Any

from benchmarks.pages.results import result, table, where

REFERENCE = "pytorch fp32"


def share(value: float) -> str:
    return f"{value:.2%}"


def accuracy() -> str:
    """Every shipped model: accuracy with its interval, and what one image costs."""
    measured = result("accuracy")["models"]
    baseline = measured["mobilenet_v2"]["engines"][REFERENCE]["top1"]
    rows = []
    for name, row in sorted(measured.items(), key=lambda item: -item[1]["parameters"]):
        found = row["engines"][REFERENCE]
        lost = "" if name == "mobilenet_v2" else f"{100 * (found['top1'] - baseline):+.2f}"
        cost = [f"{row[key] / 1e6:.1f} M" for key in ("multiply_adds", "additions")]
        rows.append(
            [
                f"`{name}`",
                f"{row['parameters']:,}",
                *cost,
                f"{row['onnx_bytes'] / 1e6:.1f} MB",
                f"{share(found['top1'])} ({share(found['low'])} to {share(found['high'])})",
                lost,
            ]
        )
    head = ["model", "parameters", "multiply-adds", "additions", "ONNX", "test accuracy (95 %)", "points to baseline"]
    return table(head, rows)


def comparisons() -> str:
    rows = [
        [
            f"`{row['models'][0]}`",
            f"`{row['models'][1]}`",
            f"{row['points']:+.2f}",
            f"{row['only_first']} / {row['only_second']}",
            f"{row['p']:.2g}",
        ]
        for row in result("accuracy")["comparisons"]
    ]
    return table(["model", "against", "points", "only the one / the other right", "McNemar's p"], rows)


def engines() -> str:
    """The same models through every engine that could be run, and why another could not."""
    measured = result("accuracy")["models"]
    names = list(dict.fromkeys(engine for row in measured.values() for engine in row["engines"]))
    rows = [[f"`{name}`", *(_engine(row["engines"].get(engine)) for engine in names)] for name, row in measured.items()]
    return table(["model", *names], rows)


def _engine(row: dict[str, Any] | None) -> str:
    if row is None or "skipped" in row:
        return "not run"
    return f"{share(row['top1'])}, {row['other_labels']} other labels"


def accuracy_conditions() -> str:
    measured = result("accuracy")
    images = next(iter(measured["models"].values()))["engines"][REFERENCE]["images"]
    return f"{images:,} test images of {measured['data']['description']}. {where(measured)}."


def mf_gradients() -> str:
    rows = []
    for row in result("mf_operators")["gradients"]:
        seeds = row["seeds"]
        growth, stem, follows = (mean(one[key] for one in seeds) for key in ("growth", "stem", "follows"))
        bound = f"{row['bound']:.2g}" if row["operator"] > 1 else "PyTorch's"
        kind = row["operator"] or "product"
        rows.append([f"{kind}", bound, f"{row['theory']:.2f}", f"{growth:.2f}", f"{stem:.3g}", f"{follows:.0%}"])
    head = ["operator", "bound of the weights", "theory: variance of the gradient, times", "measured: size, times"]
    return table([*head, "gradient / weight of the first convolution", "output follows the input"], rows)


def mf_curves() -> str:
    """Mean over the seeds of the training loss after some epochs, and each seed's test accuracy."""
    curves = result("mf_operators")["curves"]
    rows = []
    for key in dict.fromkeys((c["operator"], c["bound"], tuple(c["options"])) for c in curves):
        group = [c for c in curves if (c["operator"], c["bound"], tuple(c["options"])) == key]
        more = " ".join(word for word in key[2][-2:] if "--lr" in key[2])
        kind = f"{key[0] or 'product'} {more}".strip()
        bound = f"{key[1]:.2g}" if key[0] else "PyTorch's"
        rows.append([kind, bound, *_losses(group), _accuracies(group)])
    return table(["operator", "bound of the weights", *_epochs(curves), "test accuracy, by seed"], rows)


def recipe() -> str:
    """What is chosen by it is chosen on held-out training images; the test images are for the end."""
    curves = result("recipe_search")["curves"]
    rows = []
    for setting in dict.fromkeys(c["setting"] for c in curves):
        group = [c for c in curves if c["setting"] == setting]
        heldout = ", ".join(f"{curve['heldout_accuracy'][-1]:.1%}" for curve in group)
        rows.append([f"`{setting}`" if setting else "as it is", *_losses(group), heldout])
    return table(["setting", *_epochs(curves), "accuracy on held-out images, by seed"], rows)


def _accuracies(group: list[dict[str, Any]]) -> str:
    return ", ".join(f"{curve['test_accuracy']:.1%}" for curve in group)


def _shown(epochs: int) -> list[int]:
    return sorted({1, max(1, epochs // 3), max(1, 2 * epochs // 3), epochs})


def _epochs(curves: Iterable[dict[str, Any]]) -> list[str]:
    longest = max(len(curve["train_loss"]) for curve in curves)
    return [f"loss, epoch {epoch}" for epoch in _shown(longest)]


def _losses(group: list[dict[str, Any]]) -> list[str]:
    shown = _shown(len(group[0]["train_loss"]))
    return [f"{mean(curve['train_loss'][epoch - 1] for curve in group):.2f}" for epoch in shown]


def _short_conditions(name: str) -> str:
    measured = result(name)
    conditions = measured["conditions"]
    size, epochs = conditions["size"], conditions["epochs"]
    return f"{size}x{size} pixels, {epochs} epochs, {conditions['data']}. {where(measured)}."


def mf_conditions() -> str:
    return _short_conditions("mf_operators")


def recipe_conditions() -> str:
    return _short_conditions("recipe_search")


PARTS = {
    "accuracy": accuracy,
    "comparisons": comparisons,
    "engines": engines,
    "accuracy_conditions": accuracy_conditions,
    "mf_gradients": mf_gradients,
    "mf_curves": mf_curves,
    "mf_conditions": mf_conditions,
    "recipe": recipe,
    "recipe_conditions": recipe_conditions,
}
