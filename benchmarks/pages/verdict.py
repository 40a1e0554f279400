"""What the README has of the results: four models, their size, time and accuracy, and a real answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.markdown import make_table
from benchmarks.pages.accuracy_tables import REFERENCE, format_share
from benchmarks.pages.results import read_result
from benchmarks.pages.speed_tables import CPU_RUNS, SHIPPED

ANSWER = Path(__file__).resolve().parents[2] / "docs" / "answer.json"


def make_verdict() -> str:
    """A row for each shipped model, then in words what a user must know of the ratios."""
    accuracies = read_result("accuracy")["models"]
    timed = read_result("cpu_layers_avx2_1")
    one = timed["parts"]["models"][0]
    baseline, *hybrids = SHIPPED
    rows = []
    for name in SHIPPED:
        model = accuracies[name]
        top1 = model["engines"][REFERENCE]["top1"]
        lost = 100 * (top1 - accuracies[baseline]["engines"][REFERENCE]["top1"])
        time, ratio = one["times"][name]["median_ms"], one["ratios"][name]["median"]
        rows.append(
            [
                f"`{name}`" + (", the baseline" if name == baseline else ""),
                f"{model['parameters']:,}",
                f"{model['onnx_bytes'] / 1e6:.1f} MB",
                f"{time:.3g} ms" + ("" if name == baseline else f", {ratio:.2f}x"),
                format_share(top1) + ("" if name == baseline else f", {lost:+.2f} points"),
            ]
        )
    head = ["model", "parameters", "ONNX file", "one image on one core, AVX2", "CIFAR-10 accuracy"]
    native = find_ratios("{}", hybrids)
    bodies = find_ratios("{} (function body)", hybrids)
    return (
        f"{make_table(head, rows)}\n\n"
        f"**On a CPU the hybrids take {min(native):.2f} to {max(native):.2f} times the baseline's time** with the"
        " native kernels, which `make serve`\n"
        "builds where there is a C++ compiler: on one and two cores, AVX2 and AVX-512, 1 and 16 images. Without them"
        f" they are\nslower, {min(bodies):.2f} to {max(bodies):.2f} times. All ratios:"
        " [docs/measurements.md](docs/measurements.md#native-cpu-kernels)."
    )


def find_ratios(side: str, models: Sequence[str]) -> list[float]:
    """Medians over the baseline's, in every run of the CPU kernels' benchmark. side: the name of a model's side."""
    runs = [row for name in CPU_RUNS for row in read_result(name)["parts"]["models"]]
    return [row["ratios"][side.format(model)]["median"] for row in runs for model in models]


def quote_answer() -> str:
    """A real answer, kept as docs/answer.json."""
    return "    " + ANSWER.read_text().rstrip().replace("\n", "\n    ")


PARTS = {"answer": quote_answer, "verdict": make_verdict}
