"""A model that learns: weights, optimizer, mixed precision and running average, one step at a time.

Every random number of a step comes from (seed, epoch, step) and the learning rate is a function of the step: no
generator and no scheduler has a memory that a resumed run would need.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from export.augment import augment
from export.models import build_model
from export.schedule import learning_rate
from export.training_data import Batches
from export.training_options import Options

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EVALUATION_BATCH = 256
CALIBRATION_IMAGES = 2048


class Learner:
    """`steps` is the number of steps of an epoch."""

    def __init__(self, options: Options, classes: int, steps: int, device: torch.device) -> None:
        self.options, self.steps, self.device = options, steps, device
        torch.manual_seed(derived_seed(options.seed))
        self.model: nn.Module = build_model(options.model, classes, options.image_size).to(device)
        self.average: AveragedModel | None = None
        if options.ema:
            decay = get_ema_multi_avg_fn(options.ema)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self.model, multi_avg_fn=decay, use_buffers=True)
        self.optimizer = torch.optim.SGD(
            parameter_groups(self.model, options.weight_decay), options.lr, options.momentum, nesterov=True
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    def rate(self, epoch: int, step: int) -> float:
        options = self.options
        total = options.epochs * self.steps
        return learning_rate(epoch * self.steps + step, total, options.lr, options.warmup, options.schedule)

    def learn(self, images: Tensor, class_ids: Tensor, epoch: int, step: int) -> Tensor:
        """One update of the weights; the sum of the losses and the number of right answers, float64 (2,)."""
        options = self.options
        torch.manual_seed(derived_seed(options.seed, epoch, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(epoch, step)
        self.model.train()
        with self.autocast():
            logits = self.model(augment(images, options.augment, options.cutout))
        loss = F.cross_entropy(logits.float(), class_ids, label_smoothing=options.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.model)
        correct = (logits.detach().argmax(1) == class_ids).sum()
        return torch.stack([loss.detach().double() * len(class_ids), correct.double()])

    def calibrate(self, batches: Batches, positions: np.ndarray) -> None:
        """Measure BatchNorm's running mean and variance anew, with the present weights, on some of the images.

        The running values of training lag behind, and a hybrid does not forgive it: for small u its threshold is nearly
        quadratic, tanh(u) |u|, so that from layer to layer the error of the scale grows. After a few dozen steps the
        last blocks' variances were seen a thousand times too large, and every image got the same answer.
        """
        random = np.random.default_rng((self.options.seed, 2))
        chosen = random.permutation(positions)[:CALIBRATION_IMAGES]
        parts = np.array_split(chosen, -(-len(chosen) // EVALUATION_BATCH))  # of equal size: each counts the same
        with self.autocast():
            update_bn((batches.batch(part)[0] for part in parts), self.judged_model())

    def judged_model(self) -> nn.Module:
        """What the epochs are judged by and what is kept: the running average where there is one."""
        return self.model if self.average is None else self.average.module

    def autocast(self) -> torch.autocast:
        precision = self.options.precision
        return torch.autocast(self.device.type, DTYPES[precision], enabled=precision != "fp32")


def derived_seed(*numbers: int) -> int:
    """A seed of 63 bits out of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Thresholds, scales, biases and BatchNorm are the parameters with one axis: they do not decay."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


@torch.inference_mode()
def count_correct(model: nn.Module, batches: Batches, positions: np.ndarray) -> int:
    """To how many of the images at `positions` the model, in eval mode, gives the right class its highest logit."""
    model.eval()
    correct = 0
    for images, class_ids in batches.in_order(positions, EVALUATION_BATCH):
        correct += int((model(images).argmax(1) == class_ids).sum())
    return correct
