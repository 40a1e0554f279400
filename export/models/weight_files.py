"""State dicts of other libraries on disk, read without running what a pickle may hold."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from export.models import imagenet
from export.models.checkpoint import CheckpointError, card_path
from export.models.foreign_names import (
    list_timm_names,
    list_torchvision_names,
    list_torchvision_v3_names,
    list_wheel_names,
    rename_tensors,
)

# Mean and std of ImageNet's images in 0..255, by which torchvision and timm normalise for MobileNets
TORCHVISION_MEAN = [round(255 * share, 3) for share in (0.485, 0.456, 0.406)]
TORCHVISION_STD = [round(255 * share, 3) for share in (0.229, 0.224, 0.225)]


@dataclass(frozen=True)
class ForeignWeights:
    """Tensors by our names; `library` says whose file it was, `mean` and `std` how its images are normalised."""

    tensors: dict[str, Tensor]
    sha256: str
    library: str
    mean: list[float]
    std: list[float]


def read_foreign_weights(path: Path) -> ForeignWeights:
    """Raises CheckpointError where the file is missing, cut off, no weights, or of names that nobody here knows."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    sha256 = hashlib.sha256(data).hexdigest()
    check_name(path, sha256)
    tensors = parse_tensors(path, data)
    sources = {
        "torchvision's mobilenet_v2": (list_torchvision_names(), TORCHVISION_MEAN, TORCHVISION_STD),
        "torchvision's mobilenet_v3_large": (list_torchvision_v3_names(), TORCHVISION_MEAN, TORCHVISION_STD),
        "timm's mobilenetv2_100": (list_timm_names(), TORCHVISION_MEAN, TORCHVISION_STD),
        "efficientnet_lite0 of efficientnet-lite-pytorch": (list_wheel_names(), imagenet.MEAN, imagenet.STD),
    }
    for library, (names, mean, std) in sources.items():
        renamed = rename_tensors(tensors, names)
        if renamed:
            return ForeignWeights(renamed, sha256, library, mean, std)
    raise CheckpointError(
        f"{path} has tensors of unknown names, {', '.join(sorted(tensors)[:3])}, ...; known are {', '.join(sources)}, "
        f"and this project's own, whose card {card_path(path).name} lies beside them"
    )


def check_name(path: Path, sha256: str) -> None:
    """PyTorch's and timm's files carry the first digits of their hash: mobilenet_v2-7ebf99e0.pth."""
    stated = re.search(r"-([0-9a-f]{8,64})$", path.stem)
    if stated and not sha256.startswith(stated[1]):
        raise CheckpointError(
            f"{path} has SHA-256 {sha256[: len(stated[1])]}..., its name says {stated[1]}: it was changed or is half a "
            "download; fetch it again"
        )


def parse_tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    """A state dict in float32, read without running what a pickle may hold."""
    try:
        if path.suffix == ".safetensors":
            found: Any = load(data)
        else:
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever a broken file happens to provoke
        reason = (str(error).splitlines() or [type(error).__name__])[0].strip()
        raise CheckpointError(
            f"{path} cannot be read as weights ({reason}): half a download, or another kind of file"
        ) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()) or not found:
        raise CheckpointError(f"{path} holds no state dict: name a file with tensors by name, as torch.save writes one")
    broken = [str(name) for name, tensor in found.items() if not torch.isfinite(tensor.float()).all()]
    if broken:
        raise CheckpointError(f"{path} holds values that are no numbers, in {broken[0]}: take other weights")
    return {str(name): tensor.float() for name, tensor in found.items()}
