"""Short training runs on a part of the data, to compare settings: first signs, no measure of what can be reached.

The runs are those of the real trainer; one that is done already is read from its log.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from benchmarks.harness.result_files import describe_machine, write_json
from export.data.datasets import Dataset, Part, load_dataset
from export.train.argument_types import IntRange
from export.train.options import parse_options
from export.train.state import RunFolder
from export.train.train_one import train

TEST_IMAGES = 2000
Setting = TypeVar("Setting")


class TrialTrainings:
    """`python -m benchmarks.training.NAME`: its options, its data, and its result, written again after each run."""

    def __init__(self, name: str, purpose: str | None) -> None:
        self.command = f"python -m benchmarks.training.{name}"
        parser = argparse.ArgumentParser(
            prog=self.command,
            description=(purpose or "").split(":")[0],
            epilog="Options of export.train that follow go to every run, as --device cuda --precision bf16.",
        )
        add = parser.add_argument
        add("--data", type=Path, required=True, help="CIFAR-10, in any format of docs/data_formats.md")
        add("--size", type=IntRange(8, 1024), default=16, help="pixels (16)")
        add("--epochs", type=IntRange(1, 100_000), default=8, help="of each run (8)")
        add("--images", type=IntRange(100, 10_000_000), default=2000, help="to train on and hold out (2000)")
        add("--seeds", type=IntRange(1, 100), default=2, help="runs of each setting (2)")
        add("--settings", type=IntRange(1, 100), default=100, help="how many, from the first on (all)")
        add("--build", type=Path, default=Path("build") / name, help=f"folder of the runs (build/{name})")
        add("--out", type=Path, default=Path("build/bench") / f"{name}.json")
        self.args, self.more = parser.parse_known_args()
        torch.set_num_threads(1)
        try:
            dataset = load_dataset(self.args.data, self.args.size)
        except (ValueError, OSError) as error:
            parser.error(str(error))
        self.dataset = take_subset(dataset, self.args.images, TEST_IMAGES)
        conditions = {"data": self.dataset.description, "size": self.args.size, "epochs": self.args.epochs}
        conditions["options"] = self.more
        self.result: dict[str, Any] = {
            "benchmark": name,
            "machine": describe_machine(),
            "conditions": conditions,
            "curves": [],
        }

    def list_runs(self, settings: Sequence[Setting]) -> Iterator[tuple[int, Setting]]:
        """Seed and setting of every run: all settings with one seed, then with the next."""
        for seed in range(self.args.seeds):
            for setting in settings[: self.args.settings]:
                yield seed, setting

    def run(self, words: Sequence[str], seed: int, **facts: Any) -> None:
        """Train with these options of export.train and add loss and accuracies to the result, with `facts`."""
        name = "-".join([*(word.lstrip("-").replace("/", ".") for word in words), str(seed)])
        args = self.args
        given = ["--data", str(args.data), "--build", str(args.build), "--name", name, "--seed", str(seed)]
        given += ["--image-size", str(args.size), "--epochs", str(args.epochs), "--batch-size", "32", "--device", "cpu"]
        given += ["--no-report"]
        options = parse_options([*given, *words, *self.more])
        folder = RunFolder(options.build, options.name)
        if not folder.artefact.exists():
            train(options, self.command, self.dataset)
        with folder.log.open(newline="") as file:
            rows = list(csv.DictReader(file))
        top1 = json.loads(folder.artefact.with_suffix(".json").read_text())["accuracy"]["top1"]
        curve = {column: [float(row[column]) for row in rows] for column in ("train_loss", "heldout_accuracy")}
        self.result["curves"].append({**facts, "options": list(words), "seed": seed, **curve, "test_accuracy": top1})
        self.write()

    def write(self) -> None:
        write_json(self.args.out, self.result)


def take_subset(dataset: Dataset, train_images: int, test_images: int) -> Dataset:
    """The same number of every class, the first ones of a fixed shuffle."""
    parts = []
    for part, count in ((dataset.train, train_images), (dataset.test, test_images)):
        each, random = count // len(dataset.labels), np.random.default_rng(0)
        chosen = [random.permutation(np.flatnonzero(part.class_ids == c))[:each] for c in range(len(dataset.labels))]
        positions = np.sort(np.concatenate(chosen))
        parts.append(Part(part.images[positions], part.class_ids[positions]))
    what = f"{len(parts[0].class_ids)} training and {len(parts[1].class_ids)} test images of {dataset.description}"
    return Dataset(parts[0], parts[1], dataset.labels, what, dataset.smaller, [])
