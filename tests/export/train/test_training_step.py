"""BatchNorm's statistics after an epoch are those of images as the weights have seen them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import BatchNorm2d

from export.data.datasets import Part
from export.train.batches import Batches
from export.train.options import parse_options
from export.train.training_step import TrainingStep


def measure_first_norm(augment: str) -> tuple[Tensor, Tensor]:
    """Mean and variance behind the stem, after white images."""
    words = ["--data", "none", "--model", "resnet32", "--image-size", "16", "--device", "cpu", "--augment", augment]
    step = TrainingStep(parse_options(words), 2, 1, torch.device("cpu"))
    white = Part(np.full((64, 16, 16, 3), 255, np.uint8), np.zeros(64, np.int64))
    step.recalibrate_batchnorm(Batches(white, [127.5] * 3, [127.5] * 3, torch.device("cpu")), np.arange(64))
    norm = next(module for module in step.model.modules() if isinstance(module, BatchNorm2d))
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean, norm.running_var


def test_batchnorm_is_calibrated_on_augmented_images() -> None:
    """A shift brings the mean colour in, up to 2 pixels of 16 from a side; a stem that sees ones answers less."""
    (mean, variance), (shifted_mean, shifted_variance) = (measure_first_norm(kind) for kind in ("none", "crop+flip"))
    share = (shifted_mean / mean).mean().item()
    print(f"{share:.2f} of the mean is left")
    assert 0.6 < share < 0.95
    assert (shifted_variance > variance).all()
