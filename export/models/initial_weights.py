"""Weights that a training starts from (`--init`): ImageNet's, or those of another training of the same architecture.

Tensors are taken by name. The classifier begins anew where the classes are others, FWHT layers where the weights have
convolutions in their place; anything else that does not fit means another architecture, which is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from export.models import get_weights, imagenet
from export.models.checkpoint import CheckpointError, card_path, load_card, load_weights
from export.models.hadamard_convolution import HadamardConv2d
from export.models.weight_files import read_foreign_weights
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer

IMAGENET = "imagenet"
CLASSIFIER = "classifier"
REPLACING = (FWHTLayer, FWHT2D, HadamardConv2d)  # stand in a hybrid where its baseline has something else


@dataclass(frozen=True)
class InitialWeights:
    """`tensors` by our names, `sha256` of the file they come from, `source` in words, `origin` for the card.

    `mean` and `std` are those of the images that the weights are used to; `labels` None where they are not known.
    """

    tensors: dict[str, Tensor]
    sha256: str
    source: str
    mean: list[float]
    std: list[float]
    origin: dict[str, Any] = field(default_factory=dict)
    labels: list[str] | None = None


def read_initial_weights(init: str) -> InitialWeights:
    """What `--init` names: "imagenet", or a file. Raises CheckpointError where it cannot be had."""
    if init == IMAGENET:
        tensors = imagenet.load_imagenet_weights()
        source = f"ImageNet weights of {imagenet.ARCHITECTURE} ({imagenet.PACKAGE} {imagenet.VERSION})"
        return InitialWeights(tensors, imagenet.SHA256, source, imagenet.MEAN, imagenet.STD, imagenet.ORIGIN)
    path = Path(init)
    if path.suffix == ".safetensors" and card_path(path).exists():
        return read_own_weights(path)
    found = read_foreign_weights(path)
    origin = {"weights": f"{path.name} ({found.library})", "sha256": found.sha256}
    return InitialWeights(found.tensors, found.sha256, f"{path} ({found.library})", found.mean, found.std, origin)


def read_own_weights(path: Path) -> InitialWeights:
    """Weights of a training of ours, of any classes and size."""
    card = load_card(path)
    plain = card["preprocessing"]
    source = f"{path} ({card['architecture']}, {len(card['labels'])} classes, {plain['size']} pixels)"
    tensors = load_weights(path, card["sha256"])
    origin = describe_origin(path, card)
    return InitialWeights(tensors, card["sha256"], source, plain["mean"], plain["std"], origin, card["labels"])


def describe_origin(path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """What a card says of the weights that a training started or learned from, with their own origin and its terms."""
    origin: dict[str, Any] = {"weights": f"{path.name} ({card['architecture']})", "sha256": card["sha256"]}
    return {**origin, "from": card["origin"]} if "origin" in card else origin


def take_weights(model: nn.Module, initial: InitialWeights, labels: list[str]) -> list[str]:
    """Copy what fits into `model`, and say in a few lines what was taken, what begins anew and why.

    `labels` are the model's. Raises CheckpointError where the weights are of another architecture, the model as it was.
    """
    wanted = get_weights(model)
    anew = {name: reason for name in wanted if (reason := explain_new_start(name, wanted[name], initial, labels))}
    check_architecture(model, anew, initial)
    with torch.no_grad():
        for name, tensor in wanted.items():
            if name not in anew:
                tensor.copy_(initial.tensors[name])
    return describe_taken(model, initial, len(wanted), anew)


def explain_new_start(name: str, wanted: Tensor, initial: InitialWeights, labels: list[str]) -> str | None:
    """Why a tensor is not taken, None where it is."""
    if name not in initial.tensors:
        return "the initial weights have none"
    shape = tuple(initial.tensors[name].shape)
    if name.startswith(f"{CLASSIFIER}.") and initial.labels is not None and initial.labels != labels:
        return f"other classes ({len(initial.labels)} there, {len(labels)} here)"
    if shape != tuple(wanted.shape):
        if name.startswith(f"{CLASSIFIER}."):
            return f"other classes ({shape[0]} there, {len(wanted)} here)"
        return f"{shape} there, {tuple(wanted.shape)} here"
    return None


def check_architecture(model: nn.Module, anew: dict[str, str], initial: InitialWeights) -> None:
    """Raises CheckpointError where more begins anew than classifier and FWHT layers, or nothing is left."""
    free = {f"{CLASSIFIER}.", *(f"{name}." for name in list_replacing(model))}
    other = [f"{name}: {reason}" for name, reason in anew.items() if not name.startswith(tuple(free))]
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise CheckpointError(f"{initial.source}: of another architecture ({'; '.join(other[:3])}{more})")


def list_replacing(model: nn.Module) -> list[str]:
    """The layers in place of others, the outermost first."""
    return [name for name, module in model.named_modules() if isinstance(module, REPLACING)]


def describe_taken(model: nn.Module, initial: InitialWeights, count: int, anew: dict[str, str]) -> list[str]:
    """Lines: how many tensors were taken, and the layers that begin anew, by reason."""
    lines = [f"initial weights: {count - len(anew)} of {count} tensors from {initial.source}"]
    by_reason: dict[str, list[str]] = {}
    replacing = list_replacing(model)
    for name, reason in anew.items():
        layers = by_reason.setdefault(reason, [])
        layer = next((layer for layer in replacing if name.startswith(f"{layer}.")), name.rpartition(".")[0])
        if layer not in layers:
            layers.append(layer)
    return lines + [f"  begin anew: {', '.join(layers)}: {reason}" for reason, layers in by_reason.items()]
