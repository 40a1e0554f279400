"""Mean, spread, the held-out part and the batches a model gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from export.data.datasets import Part
from export.train.batches import Batches, mean_and_std, split_holdout


def test_mean_and_std_over_more_images_than_one_chunk() -> None:
    images = np.random.default_rng(0).integers(0, 200, (1500, 4, 4, 3), dtype=np.uint8)
    images[..., 1] //= 2
    mean, std = mean_and_std(images)
    assert mean == pytest.approx(images.reshape(-1, 3).mean(0), abs=0.5e-4)  # rounded to four decimals
    assert std == pytest.approx(images.reshape(-1, 3).std(0), abs=0.5e-4)


def test_a_single_colour_can_be_divided_by_its_std() -> None:
    assert mean_and_std(np.full((2, 4, 4, 3), 7, np.uint8)) == ([7.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, {0: 10, 1: 1, 2: 1, 3: 0}), (0.5, {0: 50, 1: 2, 2: 1, 3: 0}), (0.0, {})]
)
def test_every_class_gives_its_share_and_keeps_an_image(share: float, expected: dict[int, int]) -> None:
    class_ids = np.array([0] * 100 + [1] * 5 + [2] * 2 + [3])
    train, held_out = split_holdout(class_ids, share, seed=3)
    assert sorted([*train, *held_out]) == list(range(108))
    assert {c: int((class_ids[held_out] == c).sum()) for c in range(4)} == {c: expected.get(c, 0) for c in range(4)}


def test_the_seed_chooses_the_held_out_images() -> None:
    class_ids = np.arange(200) % 2
    chosen = [split_holdout(class_ids, 0.2, seed)[1].tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_batches_are_normalised_planes() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    part = Part(images, np.array([4, 3, 2, 1, 0]))
    batches = Batches(part, [100.0, 110.0, 120.0], [50.0, 60.0, 70.0], torch.device("cpu"))
    pixels, class_ids = batches.get_batch(np.array([3, 1]))
    assert class_ids.tolist() == [1, 3]
    assert pixels.shape == (2, 3, 8, 8)
    assert pixels.is_contiguous()
    mean, std = np.array([[100, 110, 120], [50, 60, 70]], np.float32)
    expected = (images[[3, 1]].astype(np.float32) - mean) / std
    assert np.array_equal(pixels.numpy(), expected.transpose(0, 3, 1, 2))
    assert [len(ids) for _, ids in batches.iterate(np.arange(5), 2)] == [2, 2, 1]
