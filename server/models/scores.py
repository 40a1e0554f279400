"""From logits to scores, and from scores to a label or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np

from ..numbers import parse_number


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / temperature) over the last axis, in float64 so that the scores add up to 1.

    The temperature is what training found on held-out images (Guo et al., arXiv 1706.04599); it changes no order.
    """
    exponents = np.float64(logits) - np.max(logits, axis=-1, keepdims=True)
    if temperature != 1.0:
        exponents /= temperature
    np.exp(exponents, out=exponents)
    result: np.ndarray = exponents / exponents.sum(axis=-1, keepdims=True)
    return result


def parse_temperature(text: str) -> float:
    """The metadata property `temperature`. Raises ValueError unless it is a finite number above 0."""
    value = parse_number(text.strip())
    if not 0 < value < math.inf:
        raise ValueError(f"temperature is {text[:80]!r}, it must be a number above 0")
    return value


@dataclass(frozen=True)
class MinScore:
    """The lowest score with which a class is named: one for all, or one for each of some labels (0 for the rest)."""

    value: Union[float, Mapping[str, float]]

    @classmethod
    def from_json(cls, value: Any, labels: List[str]) -> MinScore:
        """`min_score` of a model's card. Raises ValueError: no number from 0 to 1, or a label that the model lacks."""
        numbers = value if isinstance(value, dict) else {"": value}
        for label, number in numbers.items():
            if not isinstance(number, (int, float)) or isinstance(number, bool) or not 0 <= number <= 1:
                of = f" of {label!r}" if label else ""
                raise ValueError(f"min_score{of} is {number!r}, it must be a number from 0 to 1")
        unknown = [label for label in numbers if label and label not in labels]
        if unknown:
            raise ValueError(f"min_score names {unknown[0]!r}, and the model has no such label")
        return cls(value)

    def decide(self, predictions: List[Dict[str, Any]]) -> Dict[str, Any]:
        """`label`: that of the first prediction; or None, and `reason`, where its score as it is shown is below."""
        best = predictions[0]
        least = self.value if isinstance(self.value, (int, float)) else self.value.get(best["label"], 0.0)
        if best["score"] >= least:
            return {"label": best["label"]}
        wanted = f"min_score {least:g}" if isinstance(self.value, (int, float)) else f"its min_score {least:g}"
        return {"label": None, "reason": f"the highest score, {best['score']:g} for {best['label']}, is below {wanted}"}


def make_min_score(value: Optional[float]) -> Optional[MinScore]:
    """One for all, None for none."""
    return None if value is None else MinScore(value)
