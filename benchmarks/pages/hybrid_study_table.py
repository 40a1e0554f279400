"""What helps a hybrid: the table of benchmarks/training/hybrid_study.py."""

from __future__ import annotations

from statistics import mean
from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import RESULTS, describe_machine, read_result
from export.report.measures import measure_accuracy

NAME = "hybrid_study"


def make_study_table() -> str:
    """A row for each setting that was measured: parameters, last training loss, accuracy by seed and of all seeds."""
    if not (RESULTS / f"{NAME}.json").is_file():
        return f"Not measured yet: `python -m benchmarks.training.{NAME} --data cifar10_q75.bin --baseline FILE`."
    measured = read_result(NAME)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in measured["rows"]:
        groups.setdefault(row["setting"], []).append(row)
    rows = []
    for setting, group in groups.items():
        right, images = (sum(row[key] for row in group) for key in ("right", "heldout"))
        all_seeds = measure_accuracy(right, images)
        low, high = all_seeds["low"], all_seeds["high"]
        seeds = ", ".join(f"{row['right'] / row['heldout']:.1%}" for row in group)
        loss = f"{mean(row['train_loss'][-1] for row in group):.3f}"
        rows.append(
            [setting, f"{group[0]['parameters']:,}", loss, seeds, f"{right / images:.1%} ({low:.1%} to {high:.1%})"]
        )
    head = ["setting", "parameters", "last training loss", "held out, by seed", "all seeds (95 % interval)"]
    return f"{make_table(head, rows)}\n\n{describe_conditions(measured)}"


def describe_conditions(measured: dict[str, Any]) -> str:
    found = measured["conditions"]
    return (
        f"{found['images']:,} training images of {found['size']} pixels in {found['views']} views, {found['epochs']} "
        f"epochs in {found['precision']}, the first {found['frozen']} blocks frozen; judged on {found['heldout']:,} "
        f"other training images. {describe_machine(measured)}."
    )


PARTS = {NAME: make_study_table}
