"""The options of a training run: one table of names, defaults and help, read from the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.data.names import check_name
from export.models import MODELS, apply_variant, list_variants
from export.ops.layers import MOST_PATHS
from export.train.argument_types import FloatRange, IntRange
from export.train.augment import AUGMENTS
from export.train.initialisation import MF_BOUND, THRESHOLD_INITS
from export.train.schedule import SCHEDULES
from server.models.preprocess import RESIZES

PRECISIONS = ("fp32", "bf16", "fp16")
FLAG = argparse.BooleanOptionalAction  # not given: None
DEVICES = ("auto", "cpu", "cuda")
LR_PER_IMAGE = 0.1 / 128  # the usual rate of SGD on CIFAR-10, 0.1 with batches of 128, in proportion to the batch
LR_SHARE_FROM_WEIGHTS = 0.5  # of it where a run starts from weights, which too large steps would undo
# Options that a resumed run may change: they do not change what is learnt, but for rounding. (Data, teacher and
# initial weights are compared by their hash.)
FREE_ON_RESUME = (
    "data",
    "skip_bad",
    "teacher",
    "init",
    "device",
    "save_every",
    "seconds",
    "cuda_graph",
    "compile",
    "build",
    "overwrite",
    "more_epochs",
    "no_report",
)

# A layer's options where the model's spec and the command line say nothing
OFF: dict[str, object] = {"operator": None, "pool": False, "scale": False, "paths": 1, "soft": False}
NEWER = {"paths": 1, "soft": False}  # not in the states of runs that began before they were there


@dataclass(frozen=True)
class Options:
    """Everything a run depends on, under the names of the command line."""

    model: str
    data: Path
    name: str
    image_size: int
    resize: str
    init: str | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    skip_bad: bool
    operator: int | None
    pool: bool | None
    scale: bool | None
    paths: int | None
    soft: bool | None
    threshold_init: str
    mf_init: float | None
    epochs: int
    batch_size: int
    lr: float
    schedule: str
    warmup: float
    threshold_lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    ema: float
    teacher: Path | None
    teacher_share: float
    temperature: float
    augment: str
    cutout: int
    holdout: float
    seed: int
    device: str
    precision: str
    save_every: float
    seconds: float
    cuda_graph: bool
    compile: bool
    build: Path
    overwrite: bool
    more_epochs: int
    no_report: bool

    @property
    def variant(self) -> dict[str, object]:
        """What differs from the model's spec (export/models/__init__.py)."""
        return choose_variant(self.model, {key: getattr(self, key) for key in OFF})

    @property
    def fixed_on_resume(self) -> dict[str, Any]:
        """The options that a resumed run must share with the one it continues; plain values only."""
        plain = {**asdict(self), **{key: self.variant.get(key, off) for key, off in OFF.items()}}
        fixed = {k: v for k, v in plain.items() if k not in FREE_ON_RESUME and (k, v) not in NEWER.items()}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fixed.items()}


def choose_variant(model: str, given: dict[str, object]) -> dict[str, object]:
    """What the card of a model records of its FWHT layers: `given`, None where the command line says nothing.

    Nothing where all is off and nobody asked. A model that has something on by itself records everything, so that its
    weights fit when a later version has other defaults.
    """
    own = list_variants(model)
    given = {k: v for k, v in given.items() if v is not None and not v == OFF[k] == own.get(k, OFF[k])}
    by_default = any(own[key] != OFF[key] for key in own if key != "operator")
    return {**(own if by_default else {}), **given}


def parse_options(arguments: Sequence[str]) -> Options:
    """Prints help or what is wrong and exits with status 2, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m export.train",
        description="Train a model and write BUILD/NAME.safetensors with its card. The same command continues a run "
        "that was interrupted.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_data_options(parser)
    _add_hybrid_options(parser)
    _add_learning_options(parser)
    _add_run_options(parser)
    values = vars(parser.parse_args(arguments))
    values["name"] = values["name"] or values["model"]
    if values["lr"] is None:
        share = LR_SHARE_FROM_WEIGHTS if values["init"] else 1
        values["lr"] = share * LR_PER_IMAGE * values["batch_size"]
    for key in ("mean", "std"):
        values[key] = tuple(values[key]) if values[key] else None
    options = Options(**values)
    try:
        apply_variant(options.model, options.variant)
    except ValueError as error:
        parser.error(str(error))
    if options.more_epochs and options.overwrite:
        parser.error("--more-epochs goes on with a finished run, --overwrite starts afresh: give one of them")
    if options.cuda_graph and options.precision == "fp16":
        parser.error("--cuda-graph goes with --precision bf16 or fp32: fp16's loss scale is decided outside of a graph")
    return options


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--model", choices=tuple(MODELS), default="fwht_mobilenet_v2", help="architecture")
    add("--data", type=Path, required=True, help="image folder, CIFAR-10 batches or packed file (docs/data_formats.md)")
    add("--name", type=check_name, help="of what is made; the model's name where not given")
    add(
        "--image-size",
        type=IntRange(8, 1024),
        default=32,
        help="side in pixels; up to 64 MobileNet and ResNet use the CIFAR stem",
    )
    add("--resize", choices=RESIZES, default="crop", help="keep the middle square, or distort the whole to a square")
    add("--init", help="weights to start from: imagenet, or a file (docs/training.md)")
    add(
        "--mean",
        type=float,
        nargs=3,
        help="of red, green, blue in 0..255; of the initial weights or training images where not given",
    )
    add("--std", type=FloatRange(0.001, 1000), nargs=3, help="likewise")
    add("--skip-bad", action="store_true", help="leave out images that cannot be decoded instead of stopping")
    add(
        "--holdout",
        type=FloatRange(0, 0.9),
        default=0.1,
        help="share of the training images that chooses the checkpoint",
    )


def _add_hybrid_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "hybrids", "pool, scale, paths and soft are the model's own where not given"
    ).add_argument
    add(
        "--operator",
        type=IntRange(1, 3),
        help="of multiplication-free layers; 1 where not given (docs/multiplication_free.md)",
    )
    add("--pool", action=FLAG, help="project by averaging neighbouring channels, not by keeping the first ones")
    add("--scale", action=FLAG, help="a trainable factor for each coefficient of a transform")
    add("--paths", type=IntRange(1, MOST_PATHS), help="thresholds and factors for each coefficient, added up")
    add("--soft", action=FLAG, help="sgn(s) max(|s| - T, 0) for tanh(s) max(|s| - T, 0): cheaper on a CPU")
    add("--threshold-init", choices=THRESHOLD_INITS, default="ramp", help="first thresholds, from 0 to 0.1 (docs)")
    add(
        "--threshold-lr",
        type=FloatRange(0, 1000),
        default=1.0,
        help="rate of thresholds and factors, times the others'",
    )
    add(
        "--mf-init",
        type=FloatRange(0.001, 100),
        help=f"bound of the first multiplication-free weights; 1/3 for operator 1, {MF_BOUND:g} for 2 and 3",
    )


def _add_learning_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("learning").add_argument
    add("--epochs", type=IntRange(1, 100_000), default=100, help="passes over the training images")
    add("--batch-size", type=IntRange(2, 65_536), default=128, help="images a step")
    add(
        "--lr",
        type=FloatRange(0, 100),
        help="highest rate of SGD; batch size x 0.1 / 128, half of it with --init, where not given",
    )
    add("--schedule", choices=SCHEDULES, default="cosine", help="course of the learning rate after the warm-up")
    add("--warmup", type=FloatRange(0, 0.9), default=0.05, help="share of the steps over which the rate rises")
    add("--momentum", type=FloatRange(0.01, 0.9999), default=0.9, help="of SGD, in Nesterov's form")
    add(
        "--weight-decay",
        type=FloatRange(0, 1),
        default=5e-4,
        help="not on thresholds, biases, BatchNorm and the weights of operators 2 and 3",
    )
    add("--label-smoothing", type=FloatRange(0, 0.9), default=0.1, help="share of the target spread over all classes")
    add("--ema", type=FloatRange(0, 0.99999), default=0.0, help="decay of a running average of the weights; 0: none")
    add("--teacher", type=Path, help="weights (.safetensors) of a model of the same classes to learn from")
    add("--teacher-share", type=FloatRange(0, 1), default=0.7, help="of the loss that is the distance to the teacher")
    add("--temperature", type=FloatRange(0.1, 100), default=4.0, help="that softens teacher and student for it")
    add("--augment", choices=AUGMENTS, default="crop+flip", help="'crop' where left and right differ (text, digits)")
    add("--cutout", type=IntRange(0, 1024), default=0, help="side of a blanked square in pixels; 0: none")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("run").add_argument
    add("--seed", type=IntRange(0, 2**31 - 1), default=0, help="of weights, order, augmentation and held-out images")
    add("--device", choices=DEVICES, default="auto", help="auto: cuda where there is one")
    add("--precision", choices=PRECISIONS, default="fp32", help="bf16 and fp16 are mixed with float32 (autocast)")
    add(
        "--save-every",
        type=FloatRange(0, 10_000),
        default=5.0,
        help="minutes between saves within an epoch; 0: at every step",
    )
    add(
        "--seconds", type=FloatRange(0, 1e7), default=0.0, help="stop after so long and go on another time; 0: no limit"
    )
    add("--cuda-graph", action="store_true", help="on a GPU, record a step and replay it: far fewer launches")
    add("--compile", action="store_true", help="compile the model with torch.compile: minutes at first, then faster")
    add("--build", type=Path, default=Path("build"), help="folder for everything that is made")
    add("--overwrite", action="store_true", help="start afresh where NAME exists")
    add(
        "--more-epochs",
        type=IntRange(0, 100_000),
        default=0,
        help="train a finished run on, with its own options, for so many epochs; the rate rises and falls again",
    )
    add("--no-report", action="store_true", help="without the pictures of NAME.report/, which take some seconds")
