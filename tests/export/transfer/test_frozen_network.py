"""ONNX Runtime answers for a frozen network what PyTorch does, within what float32 leaves open."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from export.models import MODELS, build_model
from export.to_onnx.folded_graph import fold_graph
from export.to_onnx.parity import compute_tolerance
from export.transfer.frozen_network import OnnxNetwork, freeze
from export.transfer.split import expose_embedding, split_model

ORDINARY = ("mobilenet_v2", "resnet20", "mobilenet_v3_large", "efficientnet_lite0")  # without ops of this project


def make_trained_like(name: str) -> nn.Module:
    """With statistics of BatchNorm as after some steps, so that folding has something to fold."""
    torch.manual_seed(0)
    model = build_model(name, 3, 32).train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(8, 3, 32, 32))
    return model


def print_share(found: Tensor, wanted: Tensor, network: nn.Module) -> float:
    """Of the tolerance that is used."""
    tolerance = compute_tolerance(fold_graph(network), wanted.numpy())
    share = float((found - wanted).abs().max()) / tolerance
    print(f"{share:.1%} of the tolerance used")
    return share


@pytest.mark.parametrize("name", ORDINARY)
def test_fronts_of_ordinary_models(name: str) -> None:
    front, _ = split_model(make_trained_like(name), 3)
    frozen = freeze(front)
    assert isinstance(frozen, OnnxNetwork)
    for count in (1, 5):
        images = torch.randn(count, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            wanted = front(images)
        found = frozen(images)
        assert found.shape == wanted.shape
        assert found.dtype == torch.float32
        assert print_share(found, wanted, front) <= 1


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("blocks", [0, 3])
def test_embedding_and_logits(name: str, blocks: int) -> None:
    front, tail = split_model(make_trained_like(name).eval(), blocks)
    answering = expose_embedding(tail)
    with torch.inference_mode():
        features = front(torch.randn(5, 3, 32, 32))
        embedding, logits = answering(features)
    found = freeze(answering)(features)
    assert print_share(found[0], embedding, tail) <= 1
    assert print_share(found[1], logits, tail) <= 1


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(ORDINARY)))
def test_every_model_answers(name: str) -> None:
    """By its own kernels where it holds the ops; never in training mode."""
    model = make_trained_like(name)
    images = torch.randn(2, 3, 32, 32)
    frozen = freeze(model)
    found = frozen(images)
    assert torch.allclose(found, model.eval()(images), atol=1e-3)
    assert frozen is model or isinstance(frozen, OnnxNetwork)
    if name.startswith(("fwht", "mf")):
        assert frozen is model


def test_what_the_network_becomes_changes_nothing() -> None:
    model = make_trained_like("resnet20")
    frozen, images = freeze(model), torch.randn(1, 3, 32, 32)
    before = frozen(images)
    nn.init.zeros_(model.get_parameter("classifier.weight"))
    assert torch.equal(frozen(images), before)
