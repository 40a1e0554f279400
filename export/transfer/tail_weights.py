"""First weights of a tail that come from another model than its front: `--tail`, and the distilled tail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from export.models.initial_weights import CLASSIFIER, InitialWeights, read_own_weights


@dataclass(frozen=True)
class TailWeights:
    """Tensors by their names in the whole model, and the name and SHA-256 of the file that they come from."""

    tensors: dict[str, Tensor]
    file: str
    sha256: str


def is_in_tail(name: str, frozen: int) -> bool:
    """Whether a tensor lies behind the first `frozen` blocks and in front of the classifier."""
    front = ("stem", *(f"blocks.{number}." for number in range(1, frozen + 1)))
    return not name.startswith((f"{CLASSIFIER}.", *front))


def read_tail_weights(path: Path, frozen: int) -> TailWeights:
    """Of a model that was trained here. Raises CheckpointError where its file cannot be used."""
    own = read_own_weights(path)
    tensors = {name: tensor for name, tensor in own.tensors.items() if is_in_tail(name, frozen)}
    return TailWeights(tensors, path.name, own.sha256)


def add_tail(initial: InitialWeights, tail: TailWeights) -> InitialWeights:
    """`initial`, a baseline's weights, with the tail's tensors in place of its own."""
    return replace(
        initial,
        tensors={**initial.tensors, **tail.tensors},
        sha256=f"{initial.sha256}, {tail.sha256}",
        source=f"{initial.source}, {len(tail.tensors)} of them from {tail.file}",
        origin={**initial.origin, "tail": {"weights": tail.file, "sha256": tail.sha256}},
    )
