"""Images for the tiny model, and what ONNX Runtime makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.harness.fake_engine_file import run_onnx
from benchmarks.harness.tiny_models import SIZE


def draw_images(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE)).astype(np.float32)


def agrees_with_onnx(tiny: Path, batch: np.ndarray, logits: np.ndarray) -> bool:
    """Whether they are ONNX Runtime's, but for another order of sums in another batch."""
    wanted = run_onnx(tiny.read_bytes(), batch)
    return bool(np.abs(logits - wanted).max() <= 1e-5 * np.abs(wanted).max())
