"""One step of training: the model, its optimizer, mixed precision and the running average of the weights.

Every random number of a step comes from (seed, epoch) and the learning rate is a function of the step: no generator and
no scheduler has a state that a resumed run would need. A step changes its tensors in place and reads nothing back from
the device, so that it can be recorded as a CUDA graph.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from export.models import build_model
from export.models.initial_weights import InitialWeights, take_weights
from export.train.augment import augment, draw_random_numbers
from export.train.batches import Batches
from export.train.cuda_graph_step import CudaGraphStep
from export.train.depthwise import keep_depthwise_in_float32
from export.train.initialisation import initialise
from export.train.loss import Teacher, training_loss
from export.train.optimizer import averaging_weight, list_momenta, make_sgd
from export.train.options import Options
from export.train.schedule import find_phase, learning_rate
from export.train.soft_thresholds import hold_thresholds, list_soft_thresholds

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EVALUATION_BATCH = 256
CALIBRATION_IMAGES = 2048


class TrainingStep:
    """A model, and everything that one update of its weights needs. `steps` is the number of steps of an epoch."""

    def __init__(
        self, options: Options, classes: int, steps: int, device: torch.device, teacher: Teacher | None = None
    ) -> None:
        self.options, self.steps, self.device = options, steps, device
        self.phases = [options.epochs]  # more than one where a finished run was given more epochs
        torch.manual_seed(derive_seed(options.seed))
        self.model = build_model(options.model, classes, options.image_size, options.variant)
        initialise(self.model, options.threshold_init, options.mf_init, np.random.default_rng((options.seed, 4)))
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.soft_thresholds = list_soft_thresholds(self.model)
        self.teacher = teacher and teacher.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).requires_grad_(False) if options.ema else None
        if device.type == "cpu" and options.precision == "bf16":
            keep_depthwise_in_float32(self.model)
        self.optimizer = make_sgd(self.model, options.momentum, options.weight_decay, options.threshold_lr)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")
        self.forward: nn.Module = torch.compile(self.model) if options.compile else self.model  # type: ignore[assignment]
        self.step = CudaGraphStep(self._step, self._list_changed_tensors) if options.cuda_graph else self._step

    def take_weights(self, initial: InitialWeights, labels: list[str]) -> list[str]:
        """Start from weights that were trained before; lines that say what was taken. Raises CheckpointError."""
        lines = take_weights(self.model, initial, labels)
        hold_thresholds(self.soft_thresholds)
        if self.average is not None:
            self.average.load_state_dict(self.model.state_dict())
        return lines

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "momenta": list_momenta(self.optimizer),
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for momentum, saved in zip(list_momenta(self.optimizer), state["momenta"]):
            momentum.copy_(saved)
        self.scaler.load_state_dict(state["scaler"])

    def _list_changed_tensors(self) -> list[Tensor]:
        """Every tensor that a step changes."""
        averages = [] if self.average is None else list(self.average.parameters())
        return [*self.model.state_dict().values(), *averages, *list_momenta(self.optimizer)]

    def learning_rate(self, epoch: int, step: int) -> float:
        options = self.options
        first, epochs = find_phase(self.phases, epoch)
        done, total = (epoch - first) * self.steps + step, epochs * self.steps
        return learning_rate(done, total, options.lr, options.warmup, options.schedule)

    def step_rates(self, epoch: int) -> Tensor:
        """Learning rate and weight of the running average at every step of an epoch, float32 (steps, 2)."""
        first = epoch * self.steps
        pairs = [
            (self.learning_rate(epoch, i), averaging_weight(first + i, self.options.ema)) for i in range(self.steps)
        ]
        return torch.tensor(pairs, device=self.device)

    def update(self, images: Tensor, class_ids: Tensor, draws: Tensor, rates: Tensor) -> Tensor:
        """One update of the weights; the sum of the losses and the number of right answers, float64 (2,).

        `draws` (N, 5) are the images' random numbers (augment.py), `rates` (2,) a row of `step_rates`. The result is
        valid until the next call.
        """
        self.model.train()
        return self.step(images, class_ids, draws, rates)

    def _step(self, images: Tensor, class_ids: Tensor, draws: Tensor, rates: Tensor) -> Tensor:
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"].copy_(rates[0] * group["factor"])
        images = self._augment(images, draws)
        with self.autocast():
            logits = self.forward(images)
            with torch.no_grad():
                teacher_logits = None if self.teacher is None else self.teacher(images).float()
        loss = training_loss(
            logits.float(),
            class_ids,
            options.label_smoothing,
            teacher_logits,
            options.teacher_share,
            options.temperature,
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        hold_thresholds(self.soft_thresholds)
        self._update_average(rates[1])
        correct = (logits.detach().argmax(1) == class_ids).sum()
        return torch.stack([loss.detach().double() * len(class_ids), correct.double()])

    @torch.no_grad()
    def _update_average(self, weight: Tensor) -> None:
        """average += weight (model - average), where there is one."""
        if self.average is None:
            return
        averages: list[Tensor] = list(self.average.parameters())
        values: list[Tensor] = list(self.model.parameters())
        differences = torch._foreach_sub(values, averages)
        torch._foreach_mul_(differences, weight)
        torch._foreach_add_(averages, differences)

    def recalibrate_batchnorm(self, batches: Batches, positions: np.ndarray) -> None:
        """Measure BatchNorm's running mean and variance anew, with the present weights, on some of the images.

        The images are augmented as in a step: with the statistics of unchanged ones `resnet20` was right for 86.7 % of
        CIFAR-10's test images instead of 87.9 %.

        The running values of training lag behind, and a hybrid is sensitive to it: for small u its threshold is nearly
        quadratic, tanh(u) |u|, so that from layer to layer the error of the scale grows. After a few dozen steps the
        last blocks' variances were seen a thousand times too large, and every image got the same answer.
        """
        random = np.random.default_rng((self.options.seed, 2))
        chosen = random.permutation(positions)[:CALIBRATION_IMAGES]
        parts = np.array_split(chosen, -(-len(chosen) // EVALUATION_BATCH))  # of equal size: each counts the same

        def see(part: np.ndarray) -> Tensor:
            draws = draw_random_numbers(len(part), self.options.image_size, random).to(self.device)
            return self._augment(batches.get_batch(part)[0], draws)

        with self.autocast():
            update_bn(map(see, parts), self.evaluated_model)

    def _augment(self, images: Tensor, draws: Tensor) -> Tensor:
        images = augment(images, draws, self.options.augment, self.options.cutout)
        return images.contiguous(memory_format=torch.channels_last)

    @property
    def evaluated_model(self) -> nn.Module:
        """The one that is measured on held-out images and kept: the running average where there is one."""
        return self.model if self.average is None else self.average

    def autocast(self) -> torch.autocast:
        precision = self.options.precision
        enabled = precision != "fp32"
        return torch.autocast(self.device.type, DTYPES[precision], enabled=enabled, cache_enabled=False)


def derive_seed(*numbers: int) -> int:
    """A seed of 63 bits out of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


@torch.inference_mode()
def count_correct(model: nn.Module, batches: Batches, positions: np.ndarray) -> int:
    """To how many of the images at `positions` the model, in eval mode, gives the right class its highest logit."""
    model.eval()
    correct = 0
    for images, class_ids in batches.iterate(positions, EVALUATION_BATCH):
        correct += int((model(images).argmax(1) == class_ids).sum())
    return correct
