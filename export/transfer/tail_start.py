"""How a run starts: the model with its first weights, and the teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from export.data.datasets import Dataset
from export.models import build_model, get_weights
from export.models.initial_weights import InitialWeights, take_weights
from export.train.batches import Batches
from export.train.initialisation import initialise
from export.train.loss import Teacher
from export.train.state import RunFolder
from export.train.training_step import derive_seed
from export.transfer.frozen_network import freeze
from export.transfer.split import expose_embedding, split_model
from export.transfer.tail_step import TailOptions
from export.transfer.views import Answer, ViewMaker


@dataclass(frozen=True)
class TailRun:
    """What is learnt from where. `split`: positions of the training images to learn from and held out; `initial`: the
    weights to begin with; `teacher` None: the labels alone."""

    folder: RunFolder
    architecture: str
    dataset: Dataset
    split: tuple[np.ndarray, np.ndarray]
    preprocessing: dict[str, Any]
    initial: InitialWeights
    options: TailOptions
    variant: dict[str, object] = field(default_factory=dict)
    threshold_init: str = "ramp"
    teacher: Optional[Teacher] = None


def make_model(run: TailRun) -> nn.Module:
    """The model as it starts: seeded, then with the weights that fit it. Raises CheckpointError where they do not."""
    torch.manual_seed(derive_seed(run.options.seed))
    model = build_model(run.architecture, len(run.dataset.labels), run.preprocessing["size"], run.variant)
    initialise(model, run.threshold_init, None, np.random.default_rng((run.options.seed, 4)))
    print("\n".join(take_weights(model, run.initial, run.dataset.labels)), flush=True)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def make_teacher_answer(teacher: Teacher, front: nn.Module, size: int, options: TailOptions) -> Answer:
    """The teacher's logits, (N, classes), with a hint its embedding behind them, (N, classes + C); images of `size`.

    Where it has the same frozen front, its tail alone answers the features.
    """
    own_front, own_tail = split_model(teacher.model.eval(), options.frozen)
    shared = options.frozen > 0 and is_same_front(teacher, own_front, front, size)
    answering = freeze(expose_embedding(own_tail if shared else teacher.model))

    def answer(images: Tensor, features: Tensor) -> Tensor:
        embedding, logits = answering(features if shared else teacher.prepare(images))
        return torch.cat([logits, embedding], dim=1) if options.hint else logits

    return answer


def is_same_front(teacher: Teacher, own: nn.Module, front: nn.Module, size: int) -> bool:
    """Whether the teacher sees what the student's front sees: the same weights, images of the same kind."""
    found, wanted = get_weights(own), get_weights(front)
    same = (
        teacher.size == size
        and found.keys() == wanted.keys()
        and all(torch.equal(found[name], wanted[name]) for name in found)
    )
    return same and bool((teacher.gain == 1).all()) and not bool(teacher.bias.any())


def check_embedding(teacher: Teacher, model: nn.Module) -> None:
    """Raises ValueError where the model's embedding cannot be held against the teacher's."""
    theirs, own = (one.get_submodule("classifier").in_features for one in (teacher.model, model))
    if theirs != own:
        raise ValueError(f"the teacher's embedding has {theirs} values and the model's {own}: choose --hint 0")


def make_view_maker(run: TailRun, model: nn.Module, batches: Batches) -> ViewMaker:
    options = run.options
    front, _ = split_model(model, options.frozen)
    size = run.preprocessing["size"]
    if run.teacher and options.hint:
        check_embedding(run.teacher, model)
    answer = make_teacher_answer(run.teacher, front, size, options) if run.teacher else None
    kind = (options.augment, options.cutout, options.seed, options.first_view)
    return ViewMaker(freeze(front), answer, batches, run.split[0], *kind)
