"""Do two runs of a classifier on the same images agree? The verdict, apart from what was run and where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Dict

import numpy as np

UNIT_ROUNDOFF = {"fp32": 2.0**-24, "fp16": 2.0**-11}
DISCONTINUOUS_SHARE = 0.02


class ParityError(Exception):
    """Two engines do not compute the same; by how much, on which images."""


@dataclass(frozen=True)
class ParityVerdict:
    """images compared, largest absolute difference of a logit, tolerance, images beyond it and how many may be, images
    of equal label, and images whose two best classes are so close that within the tolerance either is right."""

    images: int
    largest: float
    tolerance: float
    beyond: int
    allowed_beyond: int
    equal_labels: int
    ties: int = 0

    @property
    def passed(self) -> bool:
        return self.beyond <= self.allowed_beyond and self.equal_labels + self.ties >= self.images

    @property
    def share(self) -> float:
        """Of the tolerance, how much the largest difference used."""
        return self.largest / self.tolerance

    def to_json(self) -> Dict[str, Any]:
        return {**asdict(self), "share": self.share}

    def __str__(self) -> str:
        beyond = f", {self.beyond} images beyond it ({self.allowed_beyond} allowed)" if self.allowed_beyond else ""
        ties = f", {self.ties} of the others are ties" if self.ties else ""
        return (
            f"{self.images} images: largest difference {self.largest:.2e}, tolerance {self.tolerance:.2e}, "
            f"share used {self.share:.1%}{beyond}; labels equal on {self.equal_labels}{ties}"
        )


def compare_logits(found: np.ndarray, wanted: np.ndarray, tolerance: float, discontinuous: bool) -> ParityVerdict:
    """Logits (N, K) of two runs. discontinuous: it holds sgn(x), and 2 % of the images may be beyond the tolerance."""
    differences = np.abs(found - wanted).max(axis=1)
    equal = found.argmax(axis=1) == wanted.argmax(axis=1)
    chosen = np.take_along_axis(wanted, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    near = wanted.max(axis=1) - chosen <= 2 * tolerance  # each of the two may be off by the tolerance
    return ParityVerdict(
        images=len(wanted),
        largest=float(differences.max()),
        tolerance=tolerance,
        beyond=int((~(differences <= tolerance)).sum()),
        allowed_beyond=ceil(DISCONTINUOUS_SHARE * len(wanted)) if discontinuous else 0,
        equal_labels=int(equal.sum()),
        ties=int((~equal & near).sum()),
    )
