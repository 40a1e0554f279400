"""Weights on disk: `<name>.safetensors`, and beside it the card `<name>.json` that says what they are.

The card holds `name`, `architecture` (and its `variant`, where it has one), `labels`, `preprocessing` (what
server/models/preprocess.py does), `parameters` (every weight and running statistic), `accuracy` (top1, images, data)
where measured, `origin` (the weights that the training started from, and the `teacher` that it learned from, their
hashes and terms), `temperature` (what divides the logits before the softmax; absent: 1) and `calibration` (the error
without and with it), `sha256` of the weights, and whatever the maker adds (seed, epochs, command line, licence).
Pickles are never read or written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from export.models import build_model, count_parameters, get_weights
from server.files import write_atomically

REQUIRED = ("architecture", "labels", "preprocessing", "sha256")


class CheckpointError(Exception):
    """Weights or a card that cannot be used: what is wrong with which file, and the cure."""


def save_checkpoint(path: Path, model: nn.Module, card: dict[str, Any], dtype: torch.dtype = torch.float32) -> None:
    """Write weights and card; `card` needs architecture, labels and preprocessing, the rest is filled in here."""
    data = save({k: v.detach().to("cpu", dtype).contiguous() for k, v in get_weights(model).items()})
    full = {
        "name": path.stem,
        **card,
        "parameters": count_parameters(model),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    write_atomically(path, data)
    write_atomically(card_path(path), (json.dumps(full, indent=2) + "\n").encode())


def card_path(path: Path) -> Path:
    return path.with_suffix(".json")


def load_card(path: Path) -> dict[str, Any]:
    """The card beside the weights at `path`. Raises CheckpointError where it is missing, no JSON, or incomplete."""
    card_file = card_path(path)
    try:
        card = json.loads(card_file.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{card_file} is missing: the card belongs beside {path.name}") from None
    except ValueError as error:
        raise CheckpointError(f"{card_file} is not JSON ({error}); take a fresh copy of it") from None
    missing = [key for key in REQUIRED if key not in card] if isinstance(card, dict) else list(REQUIRED)
    if missing:
        raise CheckpointError(f"{card_file} lacks {', '.join(missing)}")
    return dict(card)


def load_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file whose hash is known, in float32."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise CheckpointError(
            f"{path} has SHA-256 {found[:12]}..., its card says {sha256[:12]}...: "
            "the file was changed or cut off; take weights and card from the same place"
        )
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file ({error}); pickles are not read") from None
    return {k: v.float() for k, v in tensors.items()}


def check_weights(path: Path, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Every name and shape, none missing and none left over. Raises CheckpointError with the first few of each."""
    missing = sorted(wanted.keys() - found.keys())
    extra = sorted(found.keys() - wanted.keys())
    shapes = [
        f"{k} is {tuple(found[k].shape)} instead of {tuple(wanted[k].shape)}"
        for k in sorted(wanted.keys() & found.keys())
        if found[k].shape != wanted[k].shape
    ]
    parts = [
        f"{what}: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for what, names in (("missing", missing), ("not of this model", extra), ("wrong shape", shapes))
        if names
    ]
    if parts:
        raise CheckpointError(f"{path} does not fit the architecture its card names; " + "; ".join(parts))


def load_checkpoint(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The model in eval mode with the weights at `path`, and their card. Raises CheckpointError."""
    card = load_card(path)
    found = load_weights(path, card["sha256"])
    try:
        model = build_model(
            card["architecture"], len(card["labels"]), card["preprocessing"]["size"], card.get("variant")
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{card_path(path)}: {error}") from None
    check_weights(path, found, get_weights(model))
    model.load_state_dict(found, strict=False)
    return model.eval(), card
