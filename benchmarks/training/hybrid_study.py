"""What helps a hybrid: tails of variants trained on the same cached features, judged on held-out training images.

    python -m benchmarks.training.hybrid_study --data cifar10_q75.bin --baseline build/efficientnet_lite0.safetensors

The baseline gives the first weights, the frozen front and the teacher's logits. Every run takes the same images in the
same views; two seeds of each setting differ in first weights and order. A run that is done is read from the result,
one that was interrupted goes on. Hours on two cores: `nice -n 19`. The test images are not looked at.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness.result_files import RESULTS, describe_machine, write_json
from benchmarks.training.hybrid_settings import BASELINE, SETTINGS, Setting
from export.data.datasets import Dataset, load_dataset
from export.models import count_parameters, list_variants
from export.models.checkpoint import CheckpointError, load_card
from export.models.initial_weights import read_own_weights
from export.train.argument_types import IntRange
from export.train.batches import Batches
from export.train.loss import Teacher
from export.train.memory import keep_freed_memory
from export.train.state import RunFolder, TrainingError, check_same_run, load_state
from export.train.stop_signals import EXIT_INTERRUPTED, StopRequested, StopSignals
from export.transfer.tail_run import open_store
from export.transfer.tail_start import TailRun, make_model, make_view_maker
from export.transfer.tail_step import TailOptions
from export.transfer.tail_trainer import TailTrainer
from export.transfer.view_store import ViewStore

CPU = torch.device("cpu")


def choose_images(class_ids: np.ndarray, train: int, held_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from and to judge on, sorted: the same number of each class, the first of a fixed shuffle.

    Raises ValueError where a class has too few.
    """
    random, classes = np.random.default_rng(0), int(class_ids.max()) + 1
    parts: tuple[list[int], list[int]] = ([], [])
    for class_id in range(classes):
        order = random.permutation(np.flatnonzero(class_ids == class_id)).tolist()
        judged, learnt = held_out // classes, train // classes
        if len(order) < judged + learnt or not judged or not learnt:
            raise ValueError(
                f"class {class_id} has {len(order)} images, not {learnt} and {judged}: lower --images, --heldout"
            )
        parts[1].extend(order[:judged])
        parts[0].extend(order[judged : judged + learnt])
    return np.sort(np.array(parts[0])), np.sort(np.array(parts[1]))


class HybridStudy:
    """The features, computed once, and the result, written again after each run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.stop_signals = args, StopSignals()
        plain = load_card(args.baseline)["preprocessing"]
        self.dataset: Dataset = load_dataset(args.data, plain["size"], plain["resize"])
        split = choose_images(self.dataset.train.class_ids, args.images, args.heldout)
        teacher = Teacher(args.baseline, self.dataset.labels, plain["mean"], plain["std"])
        common: dict[str, Any] = {"batch_size": 128, "lr": 2e-3, "ema": 0.99, "precision": args.precision}
        options = TailOptions(args.frozen, args.views, epochs=args.epochs, **common)
        folder = RunFolder(args.build, "features")
        initial = read_own_weights(args.baseline)
        self.run = TailRun(folder, BASELINE, self.dataset, split, plain, initial, options, teacher=teacher)
        self.conditions = {
            "data": self.dataset.description,
            "data_sha256": self.dataset.sha256(),
            "baseline_sha256": initial.sha256,
            **{key: getattr(args, key) for key in ("images", "heldout", "views", "epochs", "frozen", "precision")},
            "size": plain["size"],
        }
        self.result = self.read_result()

    def read_result(self) -> dict[str, Any]:
        """What was measured so far. Raises ValueError where that was under other conditions."""
        if self.args.out.is_file():
            found: dict[str, Any] = json.loads(self.args.out.read_text())
            if found["conditions"] != self.conditions:
                raise ValueError(f"{self.args.out} was measured under other conditions: name another --out and --build")
            return found
        machine = describe_machine()
        return {"benchmark": "hybrid_study", "machine": machine, "conditions": self.conditions, "rows": []}

    def compute_features(self) -> tuple[ViewStore, tuple[np.ndarray, np.ndarray]]:
        """Of the views in a file, which stays, and of the held-out images."""
        plain, class_ids = self.run.preprocessing, self.dataset.train.class_ids
        batches = Batches(self.dataset.train, plain["mean"], plain["std"], CPU)
        maker = make_view_maker(self.run, make_model(self.run), batches)
        store = open_store(self.run, maker, {"views": self.args.views}, "file", self.conditions)
        with self.stop_signals:
            maker.fill(store, self.stop_signals)
        positions = self.run.split[1]
        return store, (maker.see(positions), class_ids[positions])

    def measure(self, setting: Setting, seed: int, store: ViewStore, held_out: tuple[np.ndarray, np.ndarray]) -> None:
        """Train one tail and add its row; nothing where it is there."""
        if any(row["setting"] == setting.name and row["seed"] == seed for row in self.result["rows"]):
            return
        options = replace(self.run.options, seed=seed, **setting.options)
        folder = RunFolder(self.args.build, f"{SETTINGS.index(setting)}-{seed}")
        own = {**list_variants(setting.architecture), **setting.variant}
        kinds: dict[str, Any] = {"architecture": setting.architecture, "variant": own, "options": options}
        run = replace(self.run, folder=folder, threshold_init=setting.threshold_init, **kinds)
        model = make_model(run)
        class_ids = self.dataset.train.class_ids[run.split[0]]
        trainer = TailTrainer(copy.deepcopy(model), options, options.epochs, store, class_ids, held_out, CPU)
        same = {"options": {**self.conditions, "setting": setting.name}, "data_sha256": self.conditions["data_sha256"]}
        if folder.last.is_file():
            state = load_state(folder.last)
            check_same_run(folder.last, state, same)
            trainer.load_state(state)
        begin = time.perf_counter()
        with StopSignals() as signals:
            trainer.run(folder, same, 5.0, signals)
        losses, accuracy = [row[2] for row in trainer.rows], trainer.rows[-1][4]
        assert accuracy is not None  # images were held out
        row = {"setting": setting.name, "seed": seed, "parameters": count_parameters(model), "train_loss": losses}
        row |= {"right": round(accuracy * len(held_out[1])), "heldout": len(held_out[1])}
        self.result["rows"].append({**row, "seconds": time.perf_counter() - begin})
        write_json(self.args.out, self.result)
        print(f"{setting.name}, seed {seed}: held out {accuracy:.2%}", flush=True)


def parse_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.hybrid_study", description=(__doc__ or "").split(":")[0]
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="CIFAR-10, in any format of docs/data_formats.md")
    add("--baseline", type=Path, required=True, help=f"weights (.safetensors) of {BASELINE}, trained on it")
    add("--images", type=IntRange(10, 10_000_000), default=10_000, help="to learn from (10,000)")
    add("--heldout", type=IntRange(10, 10_000_000), default=5000, help="other training images, to judge on (5000)")
    add("--views", type=IntRange(1, 100), default=4, help="of each image (4)")
    add("--epochs", type=IntRange(1, 1000), default=8, help="of each run (8)")
    add("--frozen", type=IntRange(1, 15), default=8, help="blocks of the front (8)")
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="of the steps; bf16 is mixed with float32 (fp32)")
    add("--seeds", type=IntRange(1, 100), default=2, help="runs of each setting (2)")
    add("--settings", type=IntRange(1, len(SETTINGS)), default=len(SETTINGS), help="how many, from the first on (all)")
    add("--build", type=Path, default=Path("build/hybrid_study"), help="folder of the runs (build/hybrid_study)")
    add("--out", type=Path, default=RESULTS / "hybrid_study.json", help="JSON file (build/bench/hybrid_study.json)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 130 interrupted."""
    args = parse_options(arguments)
    keep_freed_memory()
    try:
        study = HybridStudy(args)
        store, held_out = study.compute_features()
        for seed in range(args.seeds):
            for setting in SETTINGS[: args.settings]:
                study.measure(setting, seed, store, held_out)
    except (TrainingError, CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (StopRequested, KeyboardInterrupt):
        print("interrupted; the same command goes on from the last save")
        return EXIT_INTERRUPTED
    print(f"written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
