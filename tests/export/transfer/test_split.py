"""A model cut in two computes what it computes whole, with the same modules."""

from __future__ import annotations

import pytest
import torch

from export.models import MODELS, build_model, get_weights
from export.transfer.split import expose_embedding, list_blocks, split_model


@pytest.mark.parametrize("name", MODELS)
def test_front_and_tail_are_the_model(name: str) -> None:
    model = build_model(name, 3, 16)
    images = torch.randn(2, 3, 16, 16)
    blocks = len(list_blocks(model))
    for training in (True, False):
        for frozen in {0, 1, blocks // 2, blocks - 1}:
            model.train(training)
            front, tail = split_model(model, frozen)
            assert front.training is tail.training is training or not frozen
            with torch.no_grad():
                assert torch.equal(tail(front(images)), model(images))


def test_the_parts_hold_the_modules_of_the_model() -> None:
    model = build_model("fwht_mobilenet_v2", 3, 16)
    front, tail = split_model(model, 12)
    own = get_weights(model)
    parts = {**get_weights(front), **get_weights(tail)}
    assert parts.keys() == own.keys()
    assert all(parts[name].data_ptr() == own[name].data_ptr() for name in own)
    assert not get_weights(front).keys() & get_weights(tail).keys()


@pytest.mark.parametrize("frozen", [-1, 17])
def test_as_many_blocks_as_there_are(frozen: int) -> None:
    with pytest.raises(ValueError, match="choose 0 to 16"):
        split_model(build_model("mobilenet_v2", 3, 16), frozen)


@pytest.mark.parametrize("frozen", [0, 5])
def test_the_embedding_is_what_the_classifier_reads(frozen: int) -> None:
    model = build_model("efficientnet_lite0", 3, 16).eval()
    front, tail = split_model(model, frozen)
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        embedding, logits = expose_embedding(tail)(front(images))
        assert torch.equal(logits, model(images))
        assert torch.equal(model.get_submodule("classifier")(embedding), logits)
