"""One update of a tail: loss, AdamW (Loshchilov, Hutter, arXiv 1711.05101), and the running average of its weights."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from export.train.depthwise import keep_depthwise_in_float32
from export.train.loss import training_loss
from export.train.optimizer import averaging_weight, group_parameters
from export.train.schedule import learning_rate
from export.train.soft_thresholds import hold_thresholds, list_soft_thresholds
from export.transfer.split import expose_embedding, split_model


@dataclass(frozen=True)
class TailOptions:
    """What the learning of a tail depends on. `views` and `epochs` are wanted; room and time may allow fewer.

    `first_view`: the number of the first view, which with the seed says how its images are changed.

    `hint`: the weight of the squared distance to the teacher's embedding, in units of that one's square (hints, Romero
    et al., arXiv 1412.6550): a thousand numbers an image, where the logits of three classes are three.

    `precision`: fp32, or bf16, mixed with float32 (autocast).
    """

    frozen: int
    views: int = 8
    first_view: int = 0
    epochs: int = 30
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    label_smoothing: float = 0.1
    teacher_share: float = 0.7
    temperature: float = 2.0
    hint: float = 0.0
    ema: float = 0.0
    threshold_lr: float = 1.0
    augment: str = "crop+flip"
    cutout: int = 0
    precision: str = "fp32"
    seed: int = 0


class TailStep:
    """`model` with its first blocks frozen, and what an update of the others needs. `steps`: of the whole run."""

    def __init__(self, model: nn.Module, options: TailOptions, steps: int) -> None:
        self.options, self.steps, self.model = options, steps, model
        front, self.tail = split_model(model, options.frozen)
        front.requires_grad_(False)
        self.tail.requires_grad_(True)
        self.soft_thresholds = list_soft_thresholds(self.tail)
        hold_thresholds(self.soft_thresholds)
        self.answering = expose_embedding(self.tail)
        self.average = copy.deepcopy(model).requires_grad_(False) if options.ema else None
        if options.precision == "bf16":
            keep_depthwise_in_float32(self.tail)
        self.average_tail = self.tail if self.average is None else split_model(self.average, options.frozen)[1]
        groups = group_parameters(self.tail, options.weight_decay, options.threshold_lr)
        self.optimizer = AdamW(
            [{"params": found, "weight_decay": decay, "factor": factor} for found, decay, factor in groups if found],
            lr=0.0,
            fused=True,
        )

    @property
    def evaluated_model(self) -> nn.Module:
        """The one that is measured and kept: the running average where there is one."""
        return self.model if self.average is None else self.average

    def rate(self, step: int) -> float:
        return learning_rate(step, self.steps, self.options.lr, self.options.warmup, "cosine")

    def update(self, step: int, features: Tensor, class_ids: Tensor, answers: Optional[Tensor]) -> Tensor:
        """features (B, C, H, W), class ids (B,), the teacher's answers (TeacherAnswer) -> float64 (2,): the loss times
        B, and how many were right."""
        self.answering.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(step) * group["factor"]
        with torch.autocast(
            features.device.type, torch.bfloat16, self.options.precision == "bf16", cache_enabled=False
        ):
            embedding, logits = self.answering(features.contiguous(memory_format=torch.channels_last))
        loss = self._measure_loss(embedding.float(), logits.float(), class_ids, answers)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        hold_thresholds(self.soft_thresholds)
        self._update_average(step)
        right = (logits.detach().argmax(1) == class_ids).sum()
        return torch.stack([loss.detach().double() * len(class_ids), right.double()])

    def _measure_loss(self, embedding: Tensor, logits: Tensor, class_ids: Tensor, answers: Optional[Tensor]) -> Tensor:
        options, classes = self.options, logits.shape[1]
        smoothing, share = options.label_smoothing, options.teacher_share
        if answers is None:
            return training_loss(logits, class_ids, smoothing)
        loss = training_loss(logits, class_ids, smoothing, answers[:, :classes], share, options.temperature)
        if options.hint:
            wanted = answers[:, classes:]
            loss = loss + options.hint * (embedding - wanted).square().mean() / wanted.square().mean()
        return loss

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        if self.average is not None:
            weight = averaging_weight(step, self.options.ema)
            for average, value in zip(self.average_tail.parameters(), self.tail.parameters()):
                average.lerp_(value, weight)

    def state_dict(self) -> dict[str, Any]:
        average = None if self.average is None else self.average.state_dict()
        return {"model": self.model.state_dict(), "average": average, "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def count_steps(images: int, options: TailOptions) -> int:
    """Updates of an epoch: each image once, in batches of at most `batch_size` that differ by one at most."""
    return math.ceil(images / options.batch_size)
