"""What is said before a training starts: the counts of each class, and doubts."""

from __future__ import annotations

import numpy as np
import pytest

from export.data.datasets import Dataset, Part
from export.train.batches import choose_heldout
from export.train.describe_data import LISTED_CLASSES, describe_data, last_side, list_counts
from export.train.options import Options, parse_options


def make(train: list[int], test: list[int], labels: list[str] | None = None, **more: object) -> Dataset:
    """So many images of each class, whose pixels do not matter here."""
    parts = [np.repeat(np.arange(len(counts)), counts) for counts in (train, test)]
    made = [Part(np.zeros((len(ids), 1, 1, 3), np.uint8), ids) for ids in parts]
    names = labels or [f"c{i}" for i in range(len(train))]
    return Dataset(*made, names, "data", 0, [], **more)  # type: ignore[arg-type, call-arg]


def options(*words: str) -> Options:
    return parse_options(["--data", "d", *words])


def describe(dataset: Dataset, *words: str) -> list[str]:
    chosen = options(*words)
    return describe_data(dataset, choose_heldout(dataset, chosen.holdout, chosen.seed), chosen)


def test_what_is_used_held_out_and_ignored() -> None:
    dataset = make([40, 20, 30], [3, 4, 5], ["a, b", "c", "Blüte"], notes=["ignored: x"])
    assert describe(dataset) == [
        'data, 3 classes: "a, b", c, Blüte',
        "  class   trained on  held out  tested on",
        '  "a, b"          36         4          3',
        "  c               18         2          4",
        "  Blüte           27         3          5",
        "note: ignored: x",
    ]


def test_a_part_of_its_own_is_held_out_whatever_the_share() -> None:
    dataset = make([40, 20], [3, 4], held_out=np.array([0, 1, 2, 45]))
    train, held_out = choose_heldout(dataset, 0.5, 0)
    assert held_out.tolist() == [0, 1, 2, 45] and sorted([*train, *held_out]) == list(range(60))
    assert "  c0             37         3          3" in describe(dataset)


@pytest.mark.parametrize(
    ("train", "test", "words", "said"),
    [
        ([30, 1, 30], [1, 1, 1], [], "too few images to hold one out: c1"),
        ([30, 30, 30], [1, 0, 0], [], "no test images, so nothing will be known of them: c1, c2"),
        ([300, 300, 30], [1, 1, 1], [], "c0 has 270 images to train on, c2 27"),
        ([300, 300, 30], [1, 1, 1], [], "always answering c0 would be right for 48%"),
        ([3, 3], [1, 1], ["--image-size", "8"], "4 images of 8 pixels give the last layers 4 values to normalise by"),
        ([8, 8], [2, 2], ["--image-size", "16", "--batch-size", "8"], "give the last layers 32 values to normalise by"),
    ],
)
def test_doubts_are_said(train: list[int], test: list[int], words: list[str], said: str) -> None:
    assert said in "\n".join(line for line in describe(make(train, test), *words) if line.startswith("note: "))


def test_an_even_set_raises_no_doubt() -> None:
    for words in ([], ["--image-size", "8", "--batch-size", "64"], ["--image-size", "96"]):
        assert not [line for line in describe(make([50, 40, 30], [5, 5, 5]), *words) if line.startswith("note")]


def test_of_many_classes_the_smallest_are_listed() -> None:
    dataset = make([100 - i for i in range(50)], [1] * 50)
    lines = list_counts(dataset, choose_heldout(dataset, 0.1, 0))
    assert len(lines) == LISTED_CLASSES + 2 and lines[-1] == "  and 20 classes with more training images"
    assert lines[1].split()[0] == "c20" and lines[-2].split()[0] == "c49"


@pytest.mark.parametrize(("size", "mobilenet", "efficientnet"), [(32, 4, 1), (64, 8, 2), (65, 3, 3), (96, 3, 3)])
def test_efficientnet_has_no_stem_for_small_images(size: int, mobilenet: int, efficientnet: int) -> None:
    assert last_side("fwht_mobilenet_v2", size) == mobilenet
    assert last_side("fwht_efficientnet_lite0", size) == efficientnet
