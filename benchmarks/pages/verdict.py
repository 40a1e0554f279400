"""What the README has of the results: the shipped models, their size, time and accuracy, and a real answer."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.families import find_baseline
from benchmarks.harness.markdown import make_table
from benchmarks.pages.accuracy_tables import REFERENCE, describe_points_lost, format_share
from benchmarks.pages.cpu_tables import BODY, CPU_RUNS
from benchmarks.pages.hybrid_tables import describe_users
from benchmarks.pages.results import read_result
from benchmarks.pages.speed_tables import SHIPPED

WIDTH = 120  # of a line
ANSWER = Path(__file__).resolve().parents[2] / "docs" / "answer.json"


def make_verdict() -> str:
    """A row for each shipped model, then in words what a user must know of the ratios."""
    accuracies, timed = read_result("accuracy")["models"], read_result("models")
    times = next(row for row in timed["rows"] if row["batch"] == 1)["times"]
    rows = []
    for name in sorted(times, key=rank_by_family):
        model, baseline = accuracies[name], find_baseline(name)
        ratio = f", {times[name]['median_ms'] / times[baseline]['median_ms']:.2f}x"
        lost = describe_points_lost(name, accuracies)
        rows.append(
            [
                f"`{name}`" + (", a baseline" if name == baseline else ""),
                f"{model['parameters']:,}",
                f"{model['onnx_bytes'] / 1e6:.1f} MB",
                f"{times[name]['median_ms']:#.3g} ms" + ("" if name == baseline else ratio),
                format_share(model["engines"][REFERENCE]["top1"]) + (lost and f", {lost} points"),
            ]
        )
    kernels = timed["instruction_set"].replace("avx", "AVX")
    head = ["model", "parameters", "ONNX file", f"one image on one core, {kernels}", "CIFAR-10 accuracy"]
    sentences = [describe_ratios(find_ratios("{}", SHIPPED[1:]), find_ratios(BODY, SHIPPED[1:])), *describe_users()]
    words = f"{' '.join(sentences)} Every figure: [docs/measurements.md](docs/measurements.md#native-cpu-kernels)."
    return f"{make_table(head, rows)}\n\n{textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)}"


def rank_by_family(name: str) -> tuple[bool, str, bool, str]:
    """MobileNet-V2's family first, in each the baseline first."""
    baseline = find_baseline(name)
    return baseline != SHIPPED[0], baseline, baseline != name, name


def describe_ratios(native: Sequence[float], bodies: Sequence[float]) -> str:
    """What the ratios say, whichever way they turn out."""
    best, worst = (f"{end(native):.2f}" for end in (min, max))
    if max(native) < 1:
        found = f"are faster than the baseline, {best} to {worst} times its time"
    elif min(native) >= 1:
        found = f"are not faster than the baseline: {best} to {worst} times its time"
    else:
        found = f"take {best} to {worst} times the baseline's time"
    without = "Without them they are slower" if min(bodies) > 1 else "Without them"
    return (
        f"**On a CPU the MobileNet-V2 hybrids {found}** with the native kernels, which `make serve` builds where there"
        " is a C++ compiler: on one and two cores, AVX2 and AVX-512, 1 and 16 images."
        f" {without}: {min(bodies):.2f} to {max(bodies):.2f} times."
    )


def find_ratios(side: str, models: Sequence[str]) -> list[float]:
    """Medians over the baseline's, in every run of the CPU kernels' benchmark. side: the name of a model's side."""
    runs = [row for name in CPU_RUNS for row in read_result(name)["parts"]["models"]]
    return [row["ratios"][side.format(model)]["median"] for row in runs for model in models]


def quote_answer() -> str:
    """A real answer, kept as docs/answer.json."""
    return "    " + ANSWER.read_text().rstrip().replace("\n", "\n    ")


PARTS = {"answer": quote_answer, "verdict": make_verdict}
