"""SGD whose rates and momenta are tensors on the device, there from the start, so that a step can be recorded."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD

from export.ops.layers import MFDepthwiseConv

AVERAGING_RAMP = 10  # steps


def make_sgd(model: nn.Module, momentum: float, weight_decay: float, threshold_lr: float) -> SGD:
    """SGD with Nesterov's momentum. Every group has `lr`, a tensor to be set before a step, and its `factor`.

    Thresholds, scales and parameters with one axis (biases, BatchNorm) do not decay, nor do the weights of operators 2
    and 3 of multiplication-free layers: the smaller those are, the larger the gradients (docs/multiplication_free.md).
    Thresholds and scales have `threshold_lr` times the others' rate. Momenta begin as zeros, which is as good as none.
    """
    device = next(model.parameters()).device
    groups = [
        {"params": parameters, "weight_decay": decay, "factor": factor, "lr": torch.zeros((), device=device)}
        for parameters, decay, factor in group_parameters(model, weight_decay, threshold_lr)
        if parameters
    ]
    optimizer = SGD(groups, momentum=momentum, nesterov=True, fused=True)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def group_parameters(
    model: nn.Module, weight_decay: float, threshold_lr: float
) -> list[tuple[list[nn.Parameter], float, float]]:
    """Parameters, their weight decay and their factor of the learning rate."""
    named = list(model.named_parameters())
    special = [p for name, p in named if name.endswith((".thresholds", ".scale"))]
    minima = [m.weight for m in model.modules() if isinstance(m, MFDepthwiseConv) and m.operator != 1]
    taken, sized = {id(p) for p in special}, {id(p) for p in minima}
    rest = [p for _, p in named if id(p) not in taken]
    decays = [p.ndim > 1 and id(p) not in sized for p in rest]
    return [
        ([p for p, decay in zip(rest, decays) if decay], weight_decay, 1.0),
        ([p for p, decay in zip(rest, decays) if not decay], 0.0, 1.0),
        (special, 0.0, threshold_lr),
    ]


def list_momenta(optimizer: SGD) -> list[Tensor]:
    """The momenta, in the order of the groups."""
    return [optimizer.state[p]["momentum_buffer"] for group in optimizer.param_groups for p in group["params"]]


def averaging_weight(step: int, decay: float) -> float:
    """How far the running average moves towards the weights: at least 1 - decay, more while it is young.

    A young average follows closely, 9 / (10 + step), so that a short run is not averaged with its first weights.
    """
    return 1 - min(decay, (1 + step) / (AVERAGING_RAMP + step))
