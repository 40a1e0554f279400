"""Photos of three colours, which a few steps tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.export.data.test_datasets import png

LABELS = ("blue", "green", "red")


def make_photos(folder: Path, train: int = 8, test: int = 4, size: int = 24) -> Path:
    """train/ and test/ with `train` and `test` photos of each class: noise, the class's colour brighter."""
    random = np.random.default_rng(0)
    for part, count in (("train", train), ("test", test)):
        for colour, label in zip((2, 1, 0), LABELS):
            (folder / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(0, 130, (size, size, 3), dtype=np.uint8)
                pixels[..., colour] += 120
                (folder / part / label / f"{i}.png").write_bytes(png(pixels))
    return folder
