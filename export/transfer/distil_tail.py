"""Distil export/transfer/distilled_tail.safetensors anew: `python -m export.transfer.distil_tail --data DATA`.

The teacher is EfficientNet-Lite0 with ImageNet's weights, the student its hybrid behind the same frozen blocks. The
images need no labels: what is learnt is the teacher's embedding (hints, Romero et al., arXiv 1412.6550) and, as a
second target, ten random projections of it. What lies between the frozen blocks and the classifier is kept, in float16.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from export.data.datasets import load_dataset
from export.data.names import escape_unprintable_output
from export.models import build_model, get_weights, imagenet, list_variants
from export.models.checkpoint import card_path, load_checkpoint, save_checkpoint
from export.models.initial_weights import CLASSIFIER, IMAGENET, read_initial_weights, read_own_weights, take_weights
from export.train.batches import choose_heldout
from export.train.command import run_command
from export.train.loss import Teacher
from export.train.memory import keep_freed_memory
from export.train.state import RunFolder
from export.train.stop_signals import StopSignals
from export.transfer.distilled_tail import ARCHITECTURE, DISTILLED, FROZEN
from export.transfer.plan import IMAGE_SIZE, RESIZE
from export.transfer.tail_run import RunLimits, run_tail
from export.transfer.tail_start import TailRun
from export.transfer.tail_step import TailOptions
from export.transfer.tail_weights import is_in_tail
from server.files import write_atomically

COMMAND = "python -m export.transfer.distil_tail"
NAME, TEACHER = "distilled_tail", "distilled_tail_teacher"
OPTIONS = TailOptions(
    FROZEN,
    views=2,
    epochs=5,
    batch_size=128,
    lr=2e-3,
    warmup=0.05,
    label_smoothing=0,
    teacher_share=1,
    hint=1,
    ema=0.998,
)


def write_teacher(path: Path, labels: list[str]) -> None:
    """ImageNet's weights with a random classifier of these labels; its logits are of size 2 for features of size 1."""
    torch.manual_seed(0)
    model, initial = build_model(imagenet.ARCHITECTURE, len(labels), IMAGE_SIZE), read_initial_weights(IMAGENET)
    take_weights(model, initial, labels)
    classifier = model.get_submodule(CLASSIFIER)
    assert isinstance(classifier, nn.Linear)
    nn.init.normal_(classifier.weight, 0, 2 * classifier.in_features**-0.5)
    nn.init.zeros_(classifier.bias)
    plain = {"size": IMAGE_SIZE, "resize": RESIZE, "colour": "RGB", "mean": initial.mean, "std": initial.std}
    card = {"name": path.stem, "architecture": imagenet.ARCHITECTURE, "labels": labels, "preprocessing": plain}
    save_checkpoint(path, model, {**card, "origin": initial.origin})


def distil(data: Path, build: Path) -> None:
    """Teacher, run and file; the same call continues it. Raises what a run raises."""
    dataset = load_dataset(data, IMAGE_SIZE, RESIZE)
    folder, teacher = RunFolder(build, NAME), build / f"{TEACHER}.safetensors"
    if not teacher.exists():
        build.mkdir(parents=True, exist_ok=True)
        write_teacher(teacher, dataset.labels)
    initial = read_own_weights(teacher)
    plain = {"size": IMAGE_SIZE, "resize": RESIZE, "colour": "RGB", "mean": initial.mean, "std": initial.std}
    answering = Teacher(teacher, dataset.labels, initial.mean, initial.std)
    common = (dataset, choose_heldout(dataset, 0.02, OPTIONS.seed), plain, initial, OPTIONS)
    run = TailRun(folder, ARCHITECTURE, *common, list_variants(ARCHITECTURE), teacher=answering)
    run_tail(run, RunLimits(save_every=3, place="file", report=False), COMMAND, StopSignals())
    keep_tail(folder.artefact, DISTILLED, f"{dataset.description}, without labels")


def keep_tail(source: Path, target: Path, images: str) -> None:
    """The tensors of `source` that are neither frozen nor the classifier's, and a card."""
    model, card = load_checkpoint(source)
    kept = [name for name in get_weights(model) if is_in_tail(name, FROZEN)]
    content = save({name: get_weights(model)[name].half().contiguous() for name in kept})
    learnt = {key: value for key, value in card["training"].items() if key != "heldout_accuracy"}  # of no labels
    tail: dict[str, Any] = {"architecture": ARCHITECTURE, "dtype": "float16", "images": images}
    tail |= {"sha256": hashlib.sha256(content).hexdigest(), "origin": imagenet.ORIGIN, "training": learnt}
    write_atomically(target, content)
    write_atomically(card_path(target), (json.dumps(tail, indent=2) + "\n").encode())
    print(f"{target}: {len(kept)} tensors, {len(content):,} bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 cannot be done, 2 wrong options, 130 interrupted."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split(":")[0] + ".")
    parser.add_argument("--data", type=Path, required=True, help="images, with any labels (docs/data_formats.md)")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder of what is made on the way (build)")
    args = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    escape_unprintable_output()
    keep_freed_memory()
    return run_command(lambda: distil(args.data, args.build))


if __name__ == "__main__":
    sys.exit(main())
