"""The broken inputs: the same for a seed, of every kind, and broken in many ways."""

from __future__ import annotations

import json
import random

import pytest

from benchmarks.serving.fuzz import make_image_cases, make_tensor_cases
from benchmarks.serving.mutations import CHANGES, change_value, make_seeds, mutate, mutate_json
from server.models.images import decode


def test_every_seed_is_a_good_image_of_its_format() -> None:
    found = {data[:4] for data in make_seeds() if decode(data, 32).image.mode == "RGB"}
    assert {start[:2] for start in found} == {b"\xff\xd8", b"\x89P", b"RI", b"BM", b"GI"}


def test_the_same_seed_makes_the_same_cases() -> None:
    assert list(make_image_cases(50, 7)) == list(make_image_cases(50, 7)) != list(make_image_cases(50, 8))
    assert (
        list(make_tensor_cases(50, 7, "m"))
        == list(make_tensor_cases(50, 7, "m"))
        != list(make_tensor_cases(50, 8, "m"))
    )


def test_cases_differ_and_some_are_still_good() -> None:
    cases = list(make_image_cases(300, 1))
    assert len({case.body for case in cases}) > 280
    assert {case.path for case in cases} == {"/v1/classify"}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_each_change_bears_anything(change: object) -> None:
    assert callable(change)
    for seed in range(200):
        for data in (b"", b"a", bytes(range(256))):
            change(bytearray(data), [b"x", b"yz"], random.Random(seed))


def test_mutations_leave_the_original_alone() -> None:
    data, others = bytes(1000), [b"other"]
    value = {"inputs": [{"name": "image", "shape": [1, 3, 32, 32]}]}
    before = json.dumps(value)
    for seed in range(200):
        mutate(data, others, random.Random(seed))
        mutate_json(value, random.Random(seed))
    assert data == bytes(1000) and json.dumps(value) == before


def test_json_is_changed_at_all_depths() -> None:
    texts = {json.dumps(change_value({"a": [1, {"b": 2}], "c": "d"}, random.Random(seed)))[:200] for seed in range(500)}
    assert len(texts) > 100
