"""How the ops start, beyond what their modules do by themselves. Nothing here draws from torch's own generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv

THRESHOLD_INITS = ("ramp", "sequency", "uniform", "zero")
LARGEST_THRESHOLD = 0.1
MF_BOUND = 3.0  # of the weights of operators 2 and 3; why it is not 1 / k: docs/multiplication_free.md


def sequency(n: int) -> np.ndarray:
    """How many times each row of the natural-order H_n changes its sign: a permutation of 0 to n - 1, n a power of two.

    Row k of H_n has the Walsh function whose number is the inverse Gray code of k with its bits reversed.
    """
    bits = n.bit_length() - 1
    rows = np.arange(n)
    gray = np.zeros(n, np.int64)
    for bit in range(bits):
        gray |= (rows >> bit & 1) << (bits - 1 - bit)
    numbers: np.ndarray = gray.copy()
    for shift in range(1, bits):
        numbers ^= gray >> shift
    return numbers


def make_initial_thresholds(n: int, kind: str, random: np.random.Generator, paths: int = 1) -> Tensor:
    """(n,) float32, from 0 to 0.1, or (paths, n), those of path p higher by p / 10 (why: `export.ops.layers`).

    "ramp" is k / (10 n), as the authors have it; "sequency" the same with k the number of sign changes of coefficient
    k, which is the order that the authors aimed at; "uniform" random; "zero" keeps every coefficient.
    """
    shape = (paths, n)
    draws = n * random.uniform(size=shape)
    places = {"ramp": np.arange(n), "sequency": sequency(n), "uniform": draws, "zero": np.zeros(n)}
    thresholds = LARGEST_THRESHOLD * places[kind] / n + LARGEST_THRESHOLD * np.arange(paths)[:, None]
    return torch.from_numpy(thresholds.reshape(n if paths == 1 else shape).astype(np.float32))


def make_initial_squares(n: int, kind: str, random: np.random.Generator, paths: int = 1) -> Tensor:
    """(n, n) or (paths, n, n) float32 for FWHT2D: in "ramp" and "sequency" the sum of what row and column have."""
    if kind == "uniform":
        thresholds = LARGEST_THRESHOLD * random.uniform(size=(n, n))
    else:
        places = {"ramp": np.arange(n), "sequency": sequency(n), "zero": np.zeros(n)}[kind]
        thresholds = LARGEST_THRESHOLD * (places[:, None] + places) / n
    if paths > 1:
        thresholds = thresholds + LARGEST_THRESHOLD * np.arange(paths)[:, None, None]
    return torch.from_numpy(thresholds.astype(np.float32))


def initialise(model: nn.Module, thresholds: str, mf_bound: float | None, random: np.random.Generator) -> None:
    """Set the thresholds of FWHT layers and, with a bound, the weights of multiplication-free ones, uniform below it.

    Without a bound, weights of operator 1 stay as their module drew them, and those of 2 and 3 get MF_BOUND.
    """
    for module in model.modules():
        if isinstance(module, FWHTLayer):
            module.thresholds.data.copy_(make_initial_thresholds(module.n, thresholds, random, module.paths))
        if isinstance(module, FWHT2D):
            module.thresholds.data.copy_(make_initial_squares(module.n, thresholds, random, module.paths))
        if isinstance(module, MFDepthwiseConv) and (mf_bound or module.operator != 1):
            bound = mf_bound or MF_BOUND
            module.weight.data.copy_(torch.from_numpy(random.uniform(-bound, bound, module.weight.shape)))
