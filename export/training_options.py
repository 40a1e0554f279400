"""The options of a training run: one table of names, defaults and help, read from the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.augment import AUGMENTS
from export.models import MODELS
from export.schedule import SCHEDULES
from server.preprocess import RESIZES

PRECISIONS = ("fp32", "bf16", "fp16")
DEVICES = ("auto", "cpu", "cuda")
LR_PER_IMAGE = 0.1 / 128  # the usual rate of SGD on CIFAR-10, 0.1 with batches of 128, in proportion to the batch
# These do not change what is learnt (the data themselves are compared by their hash): a resumed run may change them.
FREE = ("data", "skip_bad", "device", "save_every", "build", "overwrite")


@dataclass(frozen=True)
class Options:
    """Everything a run depends on, under the names of the command line."""

    model: str
    data: Path
    name: str
    image_size: int
    resize: str
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    skip_bad: bool
    epochs: int
    batch_size: int
    lr: float
    schedule: str
    warmup: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    ema: float
    augment: str
    cutout: int
    holdout: float
    seed: int
    device: str
    precision: str
    save_every: float
    build: Path
    overwrite: bool

    def binding(self) -> dict[str, Any]:
        """The options that a resumed run must share with the one it continues; plain values only."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k not in FREE}


def parse_options(arguments: Sequence[str]) -> Options:
    """Prints help or what is wrong and exits with status 2, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m export.train",
        description="Train a model and write BUILD/NAME.safetensors with its card. The same command continues a run "
        "that was interrupted.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_data_options(parser)
    _add_learning_options(parser)
    _add_run_options(parser)
    values = vars(parser.parse_args(arguments))
    values["name"] = values["name"] or values["model"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", values["name"]):
        parser.error(f"--name {values['name']!r}: letters, digits, '.', '_' and '-' only, the first a letter or digit")
    if values["lr"] is None:
        values["lr"] = LR_PER_IMAGE * values["batch_size"]
    for key in ("mean", "std"):
        values[key] = tuple(values[key]) if values[key] else None
    return Options(**values)


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--model", choices=tuple(MODELS), default="fwht_mobilenet_v2", help="architecture")
    add("--data", type=Path, required=True, help="image folder, CIFAR-10 batches or packed file (docs/data_formats.md)")
    add("--name", help="of what is made; the model's name where not given")
    add("--image-size", type=_whole(8, 1024), default=32, help="side in pixels; up to 64 uses the CIFAR stem")
    add("--resize", choices=RESIZES, default="crop", help="keep the middle square, or distort the whole to a square")
    add("--mean", type=float, nargs=3, help="of red, green, blue in 0..255; of the training images where not given")
    add("--std", type=_number(0.001, 1000), nargs=3, help="likewise")
    add("--skip-bad", action="store_true", help="leave out images that cannot be decoded instead of stopping")
    add("--holdout", type=_number(0, 0.9), default=0.1, help="share of the training images that chooses the checkpoint")


def _add_learning_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("learning").add_argument
    add("--epochs", type=_whole(1, 100_000), default=100, help="passes over the training images")
    add("--batch-size", type=_whole(2, 65_536), default=128, help="images a step")
    add("--lr", type=_number(0, 100), help="highest learning rate of SGD; batch size x 0.1 / 128 where not given")
    add("--schedule", choices=SCHEDULES, default="cosine", help="course of the learning rate after the warm-up")
    add("--warmup", type=_number(0, 0.9), default=0.05, help="share of the steps over which the rate rises")
    add("--momentum", type=_number(0.01, 0.9999), default=0.9, help="of SGD, in Nesterov's form")
    add("--weight-decay", type=_number(0, 1), default=5e-4, help="not on thresholds, biases and BatchNorm")
    add("--label-smoothing", type=_number(0, 0.9), default=0.1, help="share of the target spread over all classes")
    add("--ema", type=_number(0, 0.99999), default=0.0, help="decay of a running average of the weights; 0: none")
    add("--augment", choices=AUGMENTS, default="crop+flip", help="'crop' where left and right differ (text, digits)")
    add("--cutout", type=_whole(0, 1024), default=0, help="side of a blanked square in pixels; 0: none")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("run").add_argument
    add("--seed", type=_whole(0, 2**31 - 1), default=0, help="of weights, order, augmentation and held-out images")
    add("--device", choices=DEVICES, default="auto", help="auto: cuda where there is one")
    add("--precision", choices=PRECISIONS, default="fp32", help="bf16 and fp16 are mixed with float32 (autocast)")
    add(
        "--save-every",
        type=_number(0, 10_000),
        default=5.0,
        help="minutes between saves within an epoch; 0: at every step",
    )
    add("--build", type=Path, default=Path("build"), help="folder for everything that is made")
    add("--overwrite", action="store_true", help="start afresh where NAME exists")


def _whole(low: int, high: int) -> Any:
    def convert(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,12}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
        return int(text)

    return convert


def _number(low: float, high: float) -> Any:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return value

    return convert
