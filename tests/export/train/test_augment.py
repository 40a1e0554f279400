"""Augmented images are shifted, mirrored, partly blanked copies, and the seed alone decides which."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from export.train.augment import AUGMENTS, augment, draw_random_numbers

IMAGES = torch.arange(1, 40 * 3 * 16 * 16 + 1, dtype=torch.float32).reshape(40, 3, 16, 16)  # no pixel like another
DRAWS = draw_random_numbers(40, 16, np.random.default_rng(0))


def test_none_changes_nothing() -> None:
    assert torch.equal(augment(IMAGES, DRAWS, "none"), IMAGES)


def test_flip_mirrors_about_every_other_image() -> None:
    result = augment(IMAGES, DRAWS, "flip")
    mirrored = [torch.equal(r, x.flip(2)) for r, x in zip(result, IMAGES)]
    kept = [torch.equal(r, x) for r, x in zip(result, IMAGES)]
    assert all(a != b for a, b in zip(mirrored, kept))
    assert 8 <= sum(mirrored) <= 32  # six standard deviations would be 20 +- 19; the seed is fixed


@pytest.mark.parametrize("kind", ["crop", "crop+flip"])
def test_crop_takes_a_window_of_the_padded_image(kind: str) -> None:
    result = augment(IMAGES, DRAWS, kind)
    seen = set()
    for image, found in zip(F.pad(IMAGES, (2, 2, 2, 2)), result):
        windows = {(i, j): image[:, i : i + 16, j : j + 16] for i in range(5) for j in range(5)}
        places = [
            (i, j, flipped)
            for (i, j), window in windows.items()
            for flipped in (False, True)
            if torch.equal(found, window.flip(2) if flipped else window)
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert {place[0] for place in seen} == {place[1] for place in seen} == set(range(5))
    assert {place[2] for place in seen} == ({False, True} if kind == "crop+flip" else {False})


def test_cutout_blanks_one_square_and_nothing_else() -> None:
    result = augment(IMAGES, DRAWS, "none", cutout=6)
    whole = 0
    for before, after in zip(IMAGES, result):
        blank = after[0] == 0
        rows, columns = blank.any(1).nonzero().ravel(), blank.any(0).nonzero().ravel()
        assert blank.sum() == len(rows) * len(columns)
        assert 3 <= len(rows) <= 6
        assert 3 <= len(columns) <= 6
        assert torch.equal(after, torch.where(blank, 0.0, before))
        whole += blank.sum().item() == 36
    assert whole > 10


@pytest.mark.parametrize("kind", AUGMENTS)
def test_the_drawn_numbers_decide(kind: str) -> None:
    draws = [draw_random_numbers(40, 16, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    results = [augment(IMAGES, drawn, kind, cutout=4) for drawn in draws]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("size", [8, 32, 1024])
def test_every_number_is_drawn_and_none_beyond_the_image(size: int) -> None:
    drawn = draw_random_numbers(20_000, size, np.random.default_rng(0))
    shifts = 2 * (size // 8) + 1
    assert drawn.dtype == torch.int16
    assert drawn.min(0).values.tolist() == [0] * 5
    assert drawn.max(0).values.tolist() == [shifts - 1, shifts - 1, 1, size - 1, size - 1]


@pytest.mark.gpu
def test_a_gpu_makes_the_same_images() -> None:
    expected = augment(IMAGES, DRAWS, "crop+flip", cutout=4)
    assert torch.equal(augment(IMAGES.cuda(), DRAWS.cuda(), "crop+flip", cutout=4).cpu(), expected)
