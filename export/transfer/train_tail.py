"""One model on cached features, with every option: `python -m export.transfer.train_tail --data DATA --name NAME ...`.

The model starts from --init, its first blocks stay as they are, and the others learn from the labels and, with
--teacher, from another model. The same command continues an interrupted run; with --place file the features that were
computed stay, too.

    python -m export.transfer.train_tail --data cifar10_q75.bin --model fwht_efficientnet_lite0 --name hybrid \\
      --init build/baseline.safetensors --teacher build/baseline.safetensors --views 8 --place file
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.data.datasets import load_dataset
from export.data.names import check_name, describe_path, escape_unprintable_output
from export.models import MODELS, apply_variant, list_variants
from export.models.checkpoint import load_card
from export.models.initial_weights import read_initial_weights
from export.train.argument_types import FloatRange, IntRange
from export.train.augment import AUGMENTS
from export.train.batches import choose_heldout
from export.train.command import run_command
from export.train.describe_data import list_counts
from export.train.initialisation import THRESHOLD_INITS
from export.train.loss import Teacher
from export.train.memory import keep_freed_memory
from export.train.state import RunFolder
from export.train.stop_signals import StopSignals
from export.transfer.plan import IMAGE_SIZE, RESIZE
from export.transfer.tail_run import RunLimits, run_tail
from export.transfer.tail_start import TailRun
from export.transfer.tail_step import TailOptions
from export.transfer.tail_weights import add_tail, read_tail_weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options, 75 time is up, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse_options(arguments)
    escape_unprintable_output()
    keep_freed_memory()
    command = describe_path(shlex.join(["python", "-m", "export.transfer.train_tail", *arguments]))
    limits = RunLimits(0.0, args.save_every, args.place, args.overwrite)

    def work() -> None:
        run_tail(read_run(args), limits, command, StopSignals(args.seconds))

    return run_command(work, again="the same command, without --overwrite,")


def read_run(args: argparse.Namespace) -> TailRun:
    """Weights, images and teacher. Raises CheckpointError and ValueError for what cannot be used."""
    variant = {**list_variants(args.model), **dict(args.variant)}
    apply_variant(args.model, variant)
    initial = read_initial_weights(args.init)
    plain: dict[str, Any] = {"size": IMAGE_SIZE, "resize": RESIZE, "colour": "RGB"}
    if initial.labels is not None:  # trained here
        plain = load_card(Path(args.init))["preprocessing"]
    plain = {**plain, "mean": initial.mean, "std": initial.std, "size": args.image_size or plain["size"]}
    dataset = load_dataset(args.data, plain["size"], plain["resize"])
    split = choose_heldout(dataset, args.holdout, args.seed)
    print("\n".join([dataset.description, *list_counts(dataset, split)]), flush=True)
    teacher = None
    if args.teacher:
        teacher = Teacher(args.teacher, dataset.labels, initial.mean, initial.std)
    if args.tail:
        initial = add_tail(initial, read_tail_weights(args.tail, args.frozen))
    options = TailOptions(**{key: getattr(args, key) for key in TailOptions.__dataclass_fields__})
    folder = RunFolder(args.build, args.name)
    return TailRun(folder, args.model, dataset, split, plain, initial, options, variant, args.threshold_init, teacher)


def read_variant(text: str) -> tuple[str, object]:
    """paths=3 or soft=true as a key and its value. Raises ArgumentTypeError for anything else."""
    key, equals, value = text.partition("=")
    if not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE, as paths=3 or soft=true")
    if value in ("true", "false"):
        return key, value == "true"
    return key, int(value) if value.isdigit() else value


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.transfer.train_tail", description=(__doc__ or "").split(":")[0] + "."
    )
    own = TailOptions(frozen=8)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="image folder, CIFAR-10 batches or packed file (docs/data_formats.md)")
    add("--name", type=check_name, required=True, help="of what is made")
    add("--model", choices=tuple(MODELS), default="fwht_efficientnet_lite0", help="architecture")
    add("--variant", nargs="*", type=read_variant, default=[], help="of a hybrid, as paths=3 soft=true")
    add("--init", required=True, help="weights to start from: a .safetensors file, or imagenet")
    add("--tail", type=Path, help="weights (.safetensors) that the blocks behind the frozen ones start from instead")
    add("--teacher", type=Path, help="weights (.safetensors) of a model of the same classes to learn from")
    add("--image-size", type=IntRange(8, 1024), help=f"pixels; those of --init, or {IMAGE_SIZE}")
    add("--frozen", type=IntRange(0, 100), default=own.frozen, help=f"blocks that stay as they are ({own.frozen})")
    add("--views", type=IntRange(1, 1000), default=own.views, help=f"augmented views of each image ({own.views})")
    add(
        "--first-view",
        type=IntRange(0, 100_000),
        default=own.first_view,
        help=f"number of the first view; behind the teacher's it has not seen them ({own.first_view})",
    )
    add("--epochs", type=IntRange(1, 100_000), default=own.epochs, help=f"passes over the images ({own.epochs})")
    add("--batch-size", type=IntRange(2, 65_536), default=128, help="images a step (128)")
    add("--lr", type=FloatRange(0, 10), default=2e-3, help="highest rate of AdamW (0.002)")
    add("--weight-decay", type=FloatRange(0, 1), default=own.weight_decay, help=f"({own.weight_decay})")
    add("--warmup", type=FloatRange(0, 0.9), default=0.05, help="share of the steps over which the rate rises (0.05)")
    add("--label-smoothing", type=FloatRange(0, 0.9), default=own.label_smoothing, help=f"({own.label_smoothing})")
    add("--teacher-share", type=FloatRange(0, 1), default=own.teacher_share, help=f"of the loss ({own.teacher_share})")
    add("--temperature", type=FloatRange(0.1, 100), default=own.temperature, help=f"({own.temperature})")
    add("--hint", type=FloatRange(0, 1000), default=1.0, help="weight of the distance to the teacher's embedding (1)")
    add("--ema", type=FloatRange(0, 0.99999), default=0.998, help="decay of the weights' running average (0.998)")
    add("--threshold-init", choices=THRESHOLD_INITS, default="ramp", help="first thresholds (docs/training.md)")
    add(
        "--threshold-lr",
        type=FloatRange(0, 1000),
        default=1.0,
        help="rate of thresholds and factors, times the others'",
    )
    add("--augment", choices=AUGMENTS, default=own.augment, help=f"({own.augment})")
    add(
        "--cutout",
        type=IntRange(0, 1024),
        default=own.cutout,
        help=f"side of a blanked square in pixels ({own.cutout})",
    )
    add(
        "--precision",
        choices=("fp32", "bf16"),
        default=own.precision,
        help=f"bf16 is mixed with float32 ({own.precision})",
    )
    add("--holdout", type=FloatRange(0, 0.9), default=0.1, help="share of the training images held out (0.1)")
    add("--seed", type=IntRange(0, 2**31 - 1), default=0, help="of weights, views, order and held-out images")
    add("--place", choices=("auto", "memory", "file"), default="auto", help="of the features (auto)")
    add("--save-every", type=FloatRange(0, 10_000), default=5.0, help="minutes between saves (5)")
    add(
        "--seconds", type=FloatRange(0, 1e7), default=0.0, help="stop after so long and go on another time; 0: no limit"
    )
    add("--build", type=Path, default=Path("build"), help="folder of what is made (build)")
    add("--overwrite", action="store_true", help="start afresh where NAME exists")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
