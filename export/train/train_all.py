"""Train every model with one recipe: `python -m export.train.train_all --data DATA [options of export.train]`.

One process, so that the images are read once. The baseline comes first; with --distil the others learn from it. Models
that are done are left alone and one that was interrupted goes on, so the same command brings everything to its end,
however often it is stopped. Options of export.train that follow go to every training, in place of the recipe's.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from export.data.datasets import Dataset, load_dataset
from export.data.names import escape_unprintable_output
from export.models import MODELS
from export.models.checkpoint import CheckpointError
from export.train.argument_types import FloatRange, IntRange
from export.train.memory import keep_freed_memory
from export.train.options import Options, parse_options
from export.train.state import RunFolder, TrainingError, load_state
from export.train.stop_signals import EXIT_TIME_IS_UP, StopRequested
from export.train.train_one import train

BASELINE = "mobilenet_v2"
# EfficientNet-Lite0 halves an image five times, which leaves nothing of CIFAR-10's: it starts from ImageNet's weights.
FROM_SCRATCH = [name for name in MODELS if "efficientnet" not in name]
# docs/training.md has the reasons. Of CIFAR-10 2 % held out are 1,000 images, enough to choose among the late epochs.
RECIPE = ("--epochs", "150", "--batch-size", "512", "--ema", "0.998", "--cutout", "8", "--holdout", "0.02")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 all done, 1 a run failed (not the others), 2 wrong options, 75 time is up, 130 interrupted."""
    begin = time.monotonic()
    escape_unprintable_output()
    keep_freed_memory()
    args, more = parse_arguments(arguments)
    runs = [
        make_arguments(model, seed, args, more) for seed in args.seeds for model in sort_baseline_first(args.models)
    ]
    todo = [words for words in runs if not is_done(parse_options(words))]
    names = ", ".join(parse_options(words).name for words in todo) or "none"
    print(f"{len(runs) - len(todo)} of {len(runs)} models are done; to do: {names}", flush=True)
    if not todo:
        return 0
    try:
        first = parse_options(todo[0])
        dataset = load_dataset(first.data, first.image_size, first.resize, first.skip_bad)
        end = begin + args.seconds if args.seconds else math.inf
        failed = [words for words in todo if not try_training(words, dataset, end)]
        return int(bool(failed))
    except StopRequested as stop:
        why = "time is up" if stop.exit_status == EXIT_TIME_IS_UP else "interrupted"
        print(f"{why}; the same command goes on from here")
        return stop.exit_status
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def try_training(words: list[str], dataset: Dataset, end: float) -> bool:
    """Train one model; whether that could be done. Raises StopRequested where it was asked to stop or time is up."""
    options = parse_options(words)
    left = end - time.monotonic()
    if left <= 0:
        raise StopRequested(EXIT_TIME_IS_UP)
    print(f"{options.name}:", flush=True)
    try:
        seconds = left if math.isfinite(left) else 0.0
        train(replace(options, seconds=seconds), shlex.join(["python", "-m", "export.train", *words]), dataset)
    except (TrainingError, CheckpointError, ValueError, OSError, torch.cuda.OutOfMemoryError) as error:
        print(f"error: {options.name}: {error}", file=sys.stderr)
        return False
    return True


def parse_arguments(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="python -m export.train.train_all",
        description="Train every model with one recipe. The same command goes on where it was stopped.",
        epilog=f"The recipe: {shlex.join(RECIPE)}. Options of export.train may follow; they replace it.",
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="as for export.train")
    add("--models", nargs="+", choices=tuple(MODELS), default=FROM_SCRATCH, help="which of them (all but EfficientNet)")
    add("--seeds", nargs="+", type=IntRange(0, 2**31 - 1), default=[0], help="one after another (0); NAME-1 has seed 1")
    add("--distil", action="store_true", help=f"all but {BASELINE} learn from {BASELINE} of seed 0")
    add("--seconds", type=FloatRange(0, 1e7), default=0.0, help="stop after so long; 0: no limit")
    add("--build", type=Path, default=Path("build"), help="folder for everything that is made")
    args, more = parser.parse_known_args(arguments)
    if "--overwrite" in more:
        parser.error(f"--overwrite would start afresh each time: to train a model again, remove {args.build}/NAME*")
    if any(word.startswith("--more-epochs") for word in more):
        parser.error("--more-epochs is for one model at a time: python -m export.train")
    return args, more


def sort_baseline_first(models: list[str]) -> list[str]:
    """The baseline first: the others may learn from it."""
    return sorted(models, key=lambda model: model != BASELINE)


def make_arguments(model: str, seed: int, args: argparse.Namespace, more: list[str]) -> list[str]:
    """The options of export.train for one run."""
    name = f"{model}-{seed}" if seed else model
    words = [
        "--model",
        model,
        "--data",
        str(args.data),
        "--name",
        name,
        "--seed",
        str(seed),
        "--build",
        str(args.build),
    ]
    teacher = ["--teacher", str(args.build / f"{BASELINE}.safetensors")] if args.distil and model != BASELINE else []
    return [*words, *RECIPE, *teacher, *more]


def is_done(options: Options) -> bool:
    """Its weights are there, and no unfinished run that would replace them."""
    folder = RunFolder(options.build, options.name)
    if not folder.artefact.exists():
        return False
    try:
        return not folder.last.exists() or bool(load_state(folder.last).get("finished"))
    except TrainingError:
        return True


if __name__ == "__main__":
    sys.exit(main())
