"""Hadamard matrices in natural (Sylvester) order: H_1 = (1), H_2n = ((H_n, H_n), (H_n, -H_n)), H_n H_n = n I."""

from __future__ import annotations

import numpy as np


def is_power_of_two(n: int) -> bool:
    return n >= 1 and n & (n - 1) == 0


def next_power_of_two(n: int) -> int:
    """The smallest power of two that is at least `n` (n >= 1)."""
    return 1 << (n - 1).bit_length()


def hadamard(n: int) -> np.ndarray:
    """H_n as an (n, n) float64 array of +1 and -1.

    Raises ValueError where n is not a power of two.
    """
    if not is_power_of_two(n):
        raise ValueError(f"a Hadamard matrix of this kind needs a power of two, not {n}")
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h
