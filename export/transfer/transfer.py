"""Transfer to your own photos: `python -m export.transfer --data DATA --name NAME`.

BUILD/NAME_baseline is EfficientNet-Lite0, which starts from ImageNet's weights; BUILD/NAME is its Walsh-Hadamard
hybrid, which starts from NAME_baseline and a distilled tail (distilled_tail.py) and learns from NAME_baseline. Both get
weights, card, ONNX file and report, both are measured on this machine, and a table says which to deploy. The same
command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.data.datasets import Dataset, load_dataset
from export.data.names import check_name, describe_path, escape_unprintable_output
from export.engine.parity_verdict import ParityError
from export.models import list_variants
from export.models.initial_weights import IMAGENET, read_initial_weights, read_own_weights
from export.report.page import report_folder
from export.to_onnx.from_checkpoint import export_checkpoint
from export.train.command import ERRORS, run_command
from export.train.describe_data import list_counts
from export.train.loss import Teacher
from export.train.memory import keep_freed_memory
from export.train.state import RunFolder
from export.train.stop_signals import StopSignals
from export.transfer.comparison import compare_models, make_table, write_comparison
from export.transfer.distilled_tail import ARCHITECTURE, read_distilled_tail
from export.transfer.plan import IMAGE_SIZE, RESIZE, TransferPlan, plan_transfer, split_dataset
from export.transfer.recipes import choose_baseline_options, choose_hybrid_options
from export.transfer.tail_run import RunLimits, run_tail
from export.transfer.tail_start import TailRun
from export.transfer.tail_weights import add_tail
from server.errors import ServerError

PARITY_IMAGES = 64


@dataclass(frozen=True)
class Models:
    """Which two architectures, of which weights and image size; the hybrid is the one that the distilled tail is of."""

    baseline: str = "efficientnet_lite0"
    hybrid: str = ARCHITECTURE
    init: str = IMAGENET
    image_size: int = IMAGE_SIZE


def transfer(data: Path, name: str, build: Path, command: str, models: Models, plan: TransferPlan | None = None) -> str:
    """All of it; the table. Raises what the steps raise: bad input before anything is written."""
    initial, tail = read_initial_weights(models.init), read_distilled_tail()
    dataset = load_dataset(data, models.image_size, RESIZE)
    split = split_dataset(dataset, 0)
    plan = plan or plan_transfer(len(split[0]))
    print("\n".join(describe_photos(dataset, split)), flush=True)
    plain: dict[str, Any] = {"size": models.image_size, "resize": RESIZE, "colour": "RGB"}
    plain = {**plain, "mean": initial.mean, "std": initial.std}
    baseline, hybrid = RunFolder(build, f"{name}_baseline"), RunFolder(build, name)
    limits, common = RunLimits(plan.seconds), (dataset, split, plain)
    print(f"1. {baseline.name}: {models.baseline} from ImageNet's weights", flush=True)
    options = choose_baseline_options(plan)
    run_tail(TailRun(baseline, models.baseline, *common, initial, options), limits, command, StopSignals())
    print(f"2. {hybrid.name}: {models.hybrid}, which learns from {baseline.name}", flush=True)
    learnt = add_tail(read_own_weights(baseline.artefact), tail)
    teacher = Teacher(baseline.artefact, dataset.labels, initial.mean, initial.std)
    options = choose_hybrid_options(plan)
    variant = list_variants(models.hybrid)
    run = TailRun(hybrid, models.hybrid, *common, learnt, options, variant, teacher=teacher)
    run_tail(run, limits, command, StopSignals())
    print("3. ONNX files", flush=True)
    files = []
    for folder in (baseline, hybrid):
        files.append(build / f"{folder.name}.onnx")
        print(export_checkpoint(folder.artefact, files[-1], data, PARITY_IMAGES), flush=True)
    print("4. both on this machine, in turns\n", flush=True)
    comparison = compare_models(files[0], files[1], dataset.test, plain)
    write_comparison(report_folder(build, name) / "comparison.json", comparison)
    return make_table(comparison)


def describe_photos(dataset: Dataset, split: tuple[Any, Any]) -> list[str]:
    lines = [f"{dataset.description}, {len(dataset.labels)} classes", *list_counts(dataset, split)]
    return lines + [f"note: {note}" for note in dataset.notes]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m export.transfer", description=(__doc__ or "").split(":")[0] + ".")
    parser.add_argument("--data", type=Path, required=True, help="folder of photos, sorted by class")
    parser.add_argument("--name", type=check_name, required=True, help="of what is made")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder of what is made (build)")
    args = parser.parse_args(arguments)
    escape_unprintable_output()
    keep_freed_memory()
    command = describe_path(shlex.join(["python", "-m", "export.transfer", *arguments]))

    def work() -> None:
        print(transfer(args.data, args.name, args.build, command, Models()))

    return run_command(work, (*ERRORS, ParityError, ServerError))
