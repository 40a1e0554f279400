"""What a model answers for a part of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from export.data.datasets import Part

BATCH = 256


@torch.inference_mode()
def predict(
    model: nn.Module, part: Part, preprocessing: dict[str, Any], positions: np.ndarray | None = None
) -> np.ndarray:
    """Logits float32 (N, classes) of the images of `part`, or those at `positions`, on the model's device."""
    model.eval()
    device = next(model.parameters()).device
    mean, std = (torch.tensor(preprocessing[key], device=device)[:, None, None] for key in ("mean", "std"))
    chosen = np.arange(len(part.class_ids)) if positions is None else positions
    found = []
    for start in range(0, len(chosen), BATCH):
        images = torch.from_numpy(part.images[chosen[start : start + BATCH]])
        pixels = images.to(device).permute(0, 3, 1, 2).contiguous().float()
        found.append(model((pixels - mean) / std).float().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)
