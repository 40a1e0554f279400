"""An engine of a given speed that remembers its answers."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.serving.fixed_speed_server import LogitsCache, stretch_call


def test_a_stretched_call_takes_its_time_and_no_less() -> None:
    start = time.perf_counter()
    assert stretch_call(lambda x: np.array([x]), 0.02)(3) == [3]
    assert time.perf_counter() - start >= 0.02


def test_each_image_is_computed_once_and_keeps_its_own_answer() -> None:
    computed: list[int] = []

    def compute(owner: object, images: np.ndarray) -> np.ndarray:
        computed.append(len(images))
        return images.reshape(len(images), -1)[:, :2]

    remembering = LogitsCache(compute)
    images = np.random.default_rng(1).standard_normal((4, 3, 2, 2)).astype(np.float32)
    for chosen in ([0, 1], [1, 2, 3], [3, 0, 1, 2]):
        np.testing.assert_array_equal(remembering(None, images[chosen]), images[chosen].reshape(len(chosen), -1)[:, :2])
    assert computed == [2, 2]
