"""What a training run draws its batches from: the images, a held-out part of them, and their mean and spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from export.data.datasets import Dataset, Part

CHUNK = 1024  # images at a time, where a step needs more memory than the images themselves


def mean_and_std(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of uint8 (N, S, S, 3), in units of 0..255, to four decimals.

    The std is at least 1, so that images of a single colour can still be divided by it.
    """
    counts = np.zeros((3, 256))
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        counts += [np.bincount(chunk[..., channel].ravel(), minlength=256) for channel in range(3)]
    values = np.arange(256)
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
    return [round(float(m), 4) for m in mean], [round(float(s), 4) for s in np.maximum(np.sqrt(variance), 1)]


def split_holdout(class_ids: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and positions held out, both sorted: `share` of every class, chosen by `seed`.

    With a share above 0 at least one image of every class is held out and one is left; a single one is trained on.
    """
    random = np.random.default_rng((seed, 0))
    held_out: list[int] = []
    for class_id in range(int(class_ids.max()) + 1):
        positions = random.permutation(np.flatnonzero(class_ids == class_id))
        wanted = max(1, round(share * len(positions))) if share > 0 else 0
        held_out += positions[: max(0, min(wanted, len(positions) - 1))].tolist()
    chosen = np.array(sorted(held_out), np.int64)
    return np.setdiff1d(np.arange(len(class_ids)), chosen), chosen


def choose_heldout(dataset: Dataset, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and positions held out: the data set's own where it has a part for that."""
    if dataset.held_out is None:
        return split_holdout(dataset.train.class_ids, share, seed)
    return np.setdiff1d(np.arange(len(dataset.train.class_ids)), dataset.held_out), dataset.held_out


class Batches:
    """Images of one part as normalised batches: float32 (B, 3, S, S) and class ids (B,), both on `device`.

    The images themselves lie on the device, too, where they take less than half of its free memory.
    """

    def __init__(self, part: Part, mean: list[float], std: list[float], device: torch.device) -> None:
        images, class_ids = torch.from_numpy(part.images), torch.from_numpy(part.class_ids)
        fits = device.type == "cuda" and 2 * images.nbytes < torch.cuda.mem_get_info(device)[0]
        self.image_device = device if fits else torch.device("cpu")
        self.images, self.class_ids = images.to(self.image_device), class_ids.to(self.image_device)
        self.mean = torch.tensor(mean, device=device)[:, None, None]
        self.std = torch.tensor(std, device=device)[:, None, None]
        self.device = device

    def get_batch(self, positions: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        """Images and class ids at `positions` (B,)."""
        positions = torch.as_tensor(positions).to(self.image_device)
        pixels = self.images[positions].to(self.device).permute(0, 3, 1, 2).contiguous()
        return (pixels.float() - self.mean) / self.std, self.class_ids[positions].to(self.device)

    def iterate(self, positions: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(positions), size):
            yield self.get_batch(positions[start : start + size])
