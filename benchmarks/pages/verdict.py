"""What the README has of the results: four models, their size, time and accuracy, and a real answer."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness.markdown import make_table
from benchmarks.pages.accuracy_tables import REFERENCE, format_share
from benchmarks.pages.results import read_result
from benchmarks.pages.speed_tables import SHIPPED

ANSWER = Path(__file__).resolve().parents[2] / "docs" / "answer.json"


def make_verdict() -> str:
    """A row for each shipped model, then the ratios that matter in words."""
    accuracies = read_result("accuracy")["models"]
    timed = read_result("models")
    one, many = timed["rows"]
    baseline, *hybrids = SHIPPED
    rows = []
    for name in SHIPPED:
        model = accuracies[name]
        top1 = model["engines"][REFERENCE]["top1"]
        lost = 100 * (top1 - accuracies[baseline]["engines"][REFERENCE]["top1"])
        time, ratio = one["times"][name]["median_ms"], one["ratio"][name]
        rows.append(
            [
                f"`{name}`" + (", the baseline" if name == baseline else ""),
                f"{model['parameters']:,}",
                f"{model['onnx_bytes'] / 1e6:.1f} MB",
                f"{time:.3g} ms" + ("" if name == baseline else f", {ratio:.2f}x"),
                format_share(top1) + ("" if name == baseline else f", {lost:+.2f} points"),
            ]
        )
    cores = timed["machine"]["cores"]
    head = ["model", "parameters", "ONNX file", f"one image on {cores} CPU cores", "CIFAR-10 accuracy"]
    ratios = [row["ratio"][name] for row in (one, many) for name in hybrids]
    large = read_result("fwht_node")["rows"][0]["speedup"]
    return (
        f"{make_table(head, rows)}\n\n"
        f"**On a CPU the hybrids are smaller, not faster**: {min(ratios):.2f} to {max(ratios):.2f} times the baseline's"
        " time, at batch 1 and 16. Their\n"
        "layers run on maps of 8x8 and 4x4 pixels, where a convolution is one small matrix product and a transform"
        " several passes.\n"
        "On a large tensor (10x1024x32x32, 1024 -> 1024 channels) the complete layer is"
        f" {large:.2f} times as fast as the convolution\nwith ReLU6."
    )


def quote_answer() -> str:
    """A real answer, kept as docs/answer.json."""
    return "    " + ANSWER.read_text().rstrip().replace("\n", "\n    ")


PARTS = {"answer": quote_answer, "verdict": make_verdict}
