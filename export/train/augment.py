"""Random changes to a batch of training images, on the device where the batch lies.

The random numbers are drawn beforehand, for a whole epoch, so that a CPU and a GPU see the same changes and a step
is the same work each time, which a CUDA graph asks for.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

AUGMENTS = ("none", "flip", "crop", "crop+flip")
PADDING = 8  # the image is padded by its side / 8: 4 pixels at 32, 28 at 224
ROW, COLUMN, MIRRORED, BLANK_ROW, BLANK_COLUMN = range(5)  # what is drawn for an image


def draw_random_numbers(count: int, size: int, random: np.random.Generator) -> Tensor:
    """The random numbers of `count` images of `size` pixels, int16 (count, 5), on the CPU."""
    shifts = random.integers(0, 2 * (size // PADDING) + 1, (count, 2))
    mirrored = random.integers(0, 2, (count, 1))
    places = random.integers(0, size, (count, 2))
    return torch.from_numpy(np.concatenate([shifts, mirrored, places], axis=1).astype(np.int16))


def augment(images: Tensor, draws: Tensor, kind: str, cutout: int = 0) -> Tensor:
    """(N, 3, S, S), normalised, and int16 (N, 5) -> (N, 3, S, S).

    "crop" moves each image by up to S / 8 pixels, "flip" mirrors every other one from left to right, `cutout` blanks a
    square of that side at a random place. What has no pixel becomes 0, which is the mean colour.
    """
    count, _, size, _ = images.shape
    drawn = draws.long()[:, :, None]  # (N, 5, 1)
    span = torch.arange(size, device=images.device)
    rows, columns = span.expand(count, size), span.expand(count, size)
    if "crop" in kind:
        images = F.pad(images, (size // PADDING,) * 4)
        rows, columns = rows + drawn[:, ROW], columns + drawn[:, COLUMN]
    if "flip" in kind:
        columns = torch.where(drawn[:, MIRRORED] == 1, columns.flip(1), columns)
    if kind != "none":
        images = _gather(images, rows, columns)
    if cutout:
        inside = [_inside(drawn[:, place] - cutout // 2, span, cutout) for place in (BLANK_ROW, BLANK_COLUMN)]
        images = images.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.0)
    return images


def _gather(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixel (i, j) of image n is taken from row rows[n, i] and column columns[n, j]."""
    n = torch.arange(images.shape[0], device=images.device)[:, None, None, None]
    c = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    return images[n, c, rows[:, None, :, None], columns[:, None, None, :]]


def _inside(starts: Tensor, span: Tensor, side: int) -> Tensor:
    """Which of `span` (S,) lie within `side` of the starts (N, 1): bool (N, S); near the border a square is cut off."""
    return (span >= starts) & (span < starts + side)
