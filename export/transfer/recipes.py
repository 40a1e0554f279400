"""How the two models of a transfer learn."""

from __future__ import annotations

from export.transfer.plan import TransferPlan
from export.transfer.tail_step import TailOptions


def choose_baseline_options(plan: TransferPlan) -> TailOptions:
    """ImageNet's features behind the first eight bottlenecks serve other photos as they are."""
    return TailOptions(frozen=8, views=plan.views, epochs=plan.epochs, batch_size=plan.batch_size, lr=5e-4, ema=0.99)


def choose_hybrid_options(plan: TransferPlan) -> TailOptions:
    return TailOptions(frozen=8, views=plan.views, epochs=plan.epochs, batch_size=plan.batch_size, lr=2e-3, ema=0.99)
