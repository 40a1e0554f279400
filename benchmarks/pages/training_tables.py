"""The tables of short trainings, made of the results of benchmarks/training/: mf_operators.py,
recipe_search.py, training_kernels.py and frozen_networks.py."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import RESULTS, describe_machine, read_result

KERNEL_RUNS = ("training_kernels_1", "training_kernels_2")
PLANE_RUNS = ("training_kernels_2d", "training_kernels_2d_bf16")  # of the two-dimensional hybrids


def make_gradient_table() -> str:
    rows = []
    for row in read_result("mf_operators")["gradients"]:
        seeds = row["seeds"]
        growth, stem, follows = (mean(one[key] for one in seeds) for key in ("growth", "stem", "follows"))
        bound = f"{row['bound']:.2g}" if row["operator"] > 1 else "PyTorch's"
        kind = row["operator"] or "product"
        rows.append([f"{kind}", bound, f"{row['theory']:.2f}", f"{growth:.2f}", f"{stem:.3g}", f"{follows:.0%}"])
    head = ["operator", "bound of the weights", "theory: variance of the gradient, times", "measured: size, times"]
    return make_table([*head, "gradient / weight of the first convolution", "output follows the input"], rows)


def make_curve_table() -> str:
    """Mean over the seeds of the training loss after some epochs, and each seed's test accuracy."""
    curves = read_result("mf_operators")["curves"]
    rows = []
    for key in dict.fromkeys((c["operator"], c["bound"], tuple(c["options"])) for c in curves):
        group = [c for c in curves if (c["operator"], c["bound"], tuple(c["options"])) == key]
        more = " ".join(word for word in key[2][-2:] if "--lr" in key[2])
        kind = f"{key[0] or 'product'} {more}".strip()
        bound = f"{key[1]:.2g}" if key[0] else "PyTorch's"
        rows.append([kind, bound, *_format_losses(group), _format_accuracies(group)])
    return make_table(["operator", "bound of the weights", *_name_epochs(curves), "test accuracy, by seed"], rows)


def make_recipe_table() -> str:
    """What is chosen by it is chosen on held-out training images; the test images are for the end."""
    curves = read_result("recipe_search")["curves"]
    rows = []
    for setting in dict.fromkeys(c["setting"] for c in curves):
        group = [c for c in curves if c["setting"] == setting]
        heldout = ", ".join(f"{curve['heldout_accuracy'][-1]:.1%}" for curve in group)
        rows.append([f"`{setting}`" if setting else "as it is", *_format_losses(group), heldout])
    return make_table(["setting", *_name_epochs(curves), "accuracy on held-out images, by seed"], rows)


def _format_accuracies(group: list[dict[str, Any]]) -> str:
    return ", ".join(f"{curve['test_accuracy']:.1%}" for curve in group)


def _choose_epochs(epochs: int) -> list[int]:
    return sorted({1, max(1, epochs // 3), max(1, 2 * epochs // 3), epochs})


def _name_epochs(curves: Iterable[dict[str, Any]]) -> list[str]:
    longest = max(len(curve["train_loss"]) for curve in curves)
    return [f"loss, epoch {epoch}" for epoch in _choose_epochs(longest)]


def _format_losses(group: list[dict[str, Any]]) -> list[str]:
    shown = _choose_epochs(len(group[0]["train_loss"]))
    return [f"{mean(curve['train_loss'][epoch - 1] for curve in group):.2f}" for epoch in shown]


def _describe_conditions(name: str) -> str:
    measured = read_result(name)
    conditions = measured["conditions"]
    size, epochs = conditions["size"], conditions["epochs"]
    return f"{size}x{size} pixels, {epochs} epochs, {conditions['data']}. {describe_machine(measured)}."


def describe_mf_conditions() -> str:
    return _describe_conditions("mf_operators")


def describe_recipe_conditions() -> str:
    return _describe_conditions("recipe_search")


def make_kernel_table() -> str:
    command = "`python -m benchmarks.training.training_kernels --threads 1`, and with 2"
    return _tabulate_kernels(KERNEL_RUNS, f"Not measured yet: {command}.")


def make_plane_table() -> str:
    return _tabulate_kernels(PLANE_RUNS, "Not measured yet: `benchmarks/training/training_kernels.py` has the command.")


def _tabulate_kernels(names: tuple[str, ...], without: str) -> str:
    """Images a second in training on the CPU, by model, kernels, threads and precision, and as shares of the
    baseline's; `without` any result."""
    found = [read_result(name) for name in names if (RESULTS / f"{name}.json").is_file()]
    if not found:
        return without
    rows = []
    for number, row in enumerate(found[0]["rows"]):
        rows.append([f"`{row['model']}`", "native" if row["native"] else "PyTorch"])
        for result in found:
            speed, baseline = (result["rows"][i]["images_per_s"] for i in (number, 0))
            rows[-1].append(f"{speed:.1f}, {speed / baseline:.2f}x")
    rows[0][1] = "-"
    head = ["model", "FWHT layers", *(f"images/s, {name_conditions(result)}" for result in found)]
    first = found[0]
    conditions = f"Batches of {first['batch']} images of {first['size']} pixels, {first['instruction_set']}"
    return f"{make_table(head, rows)}\n\n{conditions}. {describe_machine(first)}."


def name_conditions(result: dict[str, Any]) -> str:
    threads, precision = result["threads"], result.get("precision", "fp32")
    return f"{threads} thread{'s' * (threads > 1)}{', bf16' * (precision == 'bf16')}"


def make_frozen_table() -> str:
    """Images a second that a frozen network answers, by side."""
    if not (RESULTS / "frozen_networks.json").is_file():
        return "Not measured yet: `python -m benchmarks.training.frozen_networks`."
    result = read_result("frozen_networks")
    rows = []
    for plain, onnx in zip(result["rows"][::2], result["rows"][1::2]):
        times = onnx["images_per_s"] / plain["images_per_s"]
        speeds = (f"{row['images_per_s']:.1f} ({describe_spread(row)})" for row in (plain, onnx))
        rows.append([plain["network"], *speeds, f"{times:.1f}x"])
    table = make_table(["of it", "PyTorch, images/s (p10 to p90)", "ONNX Runtime", "as fast"], rows)
    conditions = f"`{result['model']}`, batches of {result['batch']} images of {result['size']} pixels, float32"
    threads = f"{result['threads']} threads, {result['instruction_set']}"
    return f"{table}\n\n{conditions}, {threads}. {describe_machine(result)}."


def describe_spread(row: dict[str, Any]) -> str:
    """The 10th and 90th percentile of the images a second of one batch."""
    images = row["images_per_s"] * row["batch"]["median_ms"]
    return " to ".join(f"{images / row['batch'][key]:.1f}" for key in ("p90_ms", "p10_ms"))


PARTS = {
    "frozen_networks": make_frozen_table,
    "training_kernels": make_kernel_table,
    "training_kernels_2d": make_plane_table,
    "mf_gradients": make_gradient_table,
    "mf_curves": make_curve_table,
    "mf_conditions": describe_mf_conditions,
    "recipe": make_recipe_table,
    "recipe_conditions": describe_recipe_conditions,
}
