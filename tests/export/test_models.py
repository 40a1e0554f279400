"""Parameter counts to the last digit, and shapes for any image size and class count."""

from __future__ import annotations

import pytest
import torch

from export.layers import FWHTLayer, MFDepthwiseConv
from export.models import MODELS, build_model, total_parameters

TOTALS = {
    "mobilenet_v2": 2_270_794,
    "fwht_mobilenet_v2": 947_786,
    "fwht_mobilenet_v2_slim": 540_234,
    "fwht_mf_mobilenet_v2": 947_786,
}


def test_total_parameters_match_to_the_last_digit() -> None:
    """As Keras counts them, BatchNorm's running statistics included; the paper rounds to 2.270M, 947K and 540K."""
    assert {name: total_parameters(build_model(name)) for name in MODELS} == TOTALS


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size, classes, last_map", [(32, 10, 4), (33, 3, 5), (64, 100, 8), (65, 2, 3), (96, 10, 3)])
def test_any_image_size_and_class_count(name: str, size: int, classes: int, last_map: int) -> None:
    model = build_model(name, classes, size).eval()
    seen = []
    model.head.register_forward_hook(lambda module, inputs, output: seen.append(tuple(inputs[0].shape)))
    with torch.inference_mode():
        logits = model(torch.randn(2, 3, size, size))
    assert logits.shape == (2, classes) and bool(torch.isfinite(logits).all())
    assert seen == [(2, 320, last_map, last_map)]


def test_what_the_hybrids_replace() -> None:
    model = build_model("fwht_mf_mobilenet_v2")
    fwht = [name for name, module in model.named_modules() if isinstance(module, FWHTLayer)]
    assert fwht == [f"blocks.{i}.{part}" for i in range(13, 18) for part in ("expand", "project")]
    mf = [name for name, module in model.named_modules() if isinstance(module, MFDepthwiseConv)]
    assert mf == [f"blocks.{i}.depthwise" for i in range(13, 18)]
    sizes = {m.n for m in build_model("fwht_mobilenet_v2_slim").modules() if isinstance(m, FWHTLayer)}
    assert sizes == {1024, 2048}


def test_every_weight_gets_a_gradient() -> None:
    model = build_model("fwht_mf_mobilenet_v2")
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    "arguments, word", [(("resnet18",), "fwht_mobilenet_v2_slim"), (("mobilenet_v2", 0), "at least 1")]
)
def test_what_does_not_exist_is_refused(arguments: tuple[str, ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        build_model(*arguments)  # type: ignore[arg-type]
