"""Random changes to a batch of training images, on the device where the batch lies.

The random numbers are drawn on the CPU from torch's global generator, so that a CPU and a GPU see the same changes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AUGMENTS = ("none", "flip", "crop", "crop+flip")
PADDING = 8  # the image is padded by its side / 8: 4 pixels at 32, 28 at 224


def augment(images: Tensor, kind: str, cutout: int = 0) -> Tensor:
    """(N, 3, S, S), normalised -> the same shape.

    "crop" moves each image by up to S / 8 pixels, "flip" mirrors every other one from left to right, `cutout` blanks a
    square of that side at a random place. What has no pixel becomes 0, which is the mean colour.
    """
    count, _, size, _ = images.shape
    span = torch.arange(size)
    rows, columns = span.expand(count, size), span.expand(count, size)
    if "crop" in kind:
        padding = size // PADDING
        images = F.pad(images, (padding,) * 4)
        offsets = torch.randint(0, 2 * padding + 1, (2, count, 1))
        rows, columns = rows + offsets[0], columns + offsets[1]
    if "flip" in kind:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    if kind != "none":
        images = _gather(images, rows.to(images.device), columns.to(images.device))
    if cutout:
        images = images.masked_fill(_squares(count, size, cutout).to(images.device), 0.0)
    return images


def _gather(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixel (i, j) of image n is taken from row rows[n, i] and column columns[n, j]."""
    n = torch.arange(images.shape[0], device=images.device)[:, None, None, None]
    c = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    return images[n, c, rows[:, None, :, None], columns[:, None, None, :]]


def _squares(count: int, size: int, side: int) -> Tensor:
    """Where the blanked squares lie, bool (N, 1, S, S); near the border a square is cut off."""
    starts = torch.randint(0, size, (2, count, 1)) - side // 2
    span = torch.arange(size)
    inside = (span >= starts) & (span < starts + side)
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]
