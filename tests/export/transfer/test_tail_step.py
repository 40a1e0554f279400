"""One update of a tail, in float32 and in bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor

from export.models import build_model
from export.transfer.tail_step import TailOptions, TailStep


def run_steps(precision: str, count: int) -> tuple[list[float], TailStep]:
    """The losses of so many steps on the same features, and the step."""
    torch.manual_seed(0)
    model = build_model("fwht_efficientnet_lite0", 4, 32, {"paths": 2})
    step = TailStep(model, TailOptions(8, lr=1e-3, warmup=0.0, ema=0.9, precision=precision), count)
    features, class_ids = torch.randn(32, 80, 2, 2), torch.arange(32) % 4

    def update(number: int) -> Tensor:
        return step.update(number, features, class_ids, None)

    return [float(update(number)[0]) / 32 for number in range(count)], step


def test_bfloat16_learns_what_float32_does() -> None:
    losses, step = run_steps("fp32", 20)
    mixed, mixed_step = run_steps("bf16", 20)
    assert losses[-1] < losses[0] - 0.5 and mixed[-1] < mixed[0] - 0.5
    assert abs(mixed[0] - losses[0]) <= 2.0**-8 * 4 * losses[0]  # bfloat16's rounding, through a few layers
    assert mixed != losses
    for model in (mixed_step.model, mixed_step.evaluated_model):
        assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
        assert model.state_dict().keys() == step.model.state_dict().keys()
