"""Operations counted by hand, and against figures published elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.training.operations import Operations, count_operations
from export.models import build_model
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv


class Small(nn.Module):
    """One layer of each kind on an 8x8 image."""

    def __init__(self, operator: int, pool: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.mf = MFDepthwiseConv(6, 3, operator=operator)
        self.fwht = FWHTLayer(6, 2 if pool > 1 else 6, pool=pool)
        self.classifier = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.fwht(self.mf(x))
        x = x + y if self.fwht.out_channels == 6 else y
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


def test_every_kind_of_layer_by_hand() -> None:
    """16 pixels after the stem; n = 8, so a transform has 8 * 3 additions."""
    pixels = 16
    multiply_adds = pixels * 6 * 27 + pixels * 6 + pixels * (8 + 8 + 6) + 6 + 24
    additions = pixels * 6 * 18 + pixels * (2 * 24 + 8) + pixels * 6 + pixels * 6
    assert count_operations(Small(1, 1), 8) == Operations(multiply_adds, additions, tanh=pixels * 8)


def test_pooling_adds_within_its_groups() -> None:
    plain, pooled = (count_operations(Small(2, pool), 8) for pool in (1, 3))
    assert pooled.additions - plain.additions == 16 * 2 * 2 - 16 * 6 - 16 * (
        6 - 2
    )  # groups; no residual; a smaller pool


@pytest.mark.parametrize("soft", [False, True])
def test_a_path_costs_a_threshold_each(soft: bool) -> None:
    """Two paths more: for each of n = 8 coefficients two subtractions, two sums and two of what a path multiplies."""
    one, three = Small(1, 1), Small(1, 1)
    one.fwht, three.fwht = FWHTLayer(6, 6, soft=soft), FWHTLayer(6, 6, paths=3, soft=soft)
    first, second = count_operations(one, 8), count_operations(three, 8)
    assert second.additions - first.additions == 16 * 8 * 4
    assert second.multiply_adds - first.multiply_adds == 16 * 8 * 2 * (1 if soft else 2)
    assert (first.tanh, second.tanh) == ((0, 0) if soft else (16 * 8, 16 * 24))


@pytest.mark.parametrize(("stride", "m", "windows"), [(1, 8, 0), (2, 4, 49)])
def test_a_layer_of_two_dimensions(stride: int, m: int, windows: int) -> None:
    """Maps of 7x7 of three channels, two paths: 2 (m m 2 log2(m)) additions, five a coefficient less two."""
    model = nn.Sequential(FWHT2D(3, 7, stride=stride, paths=2))
    log, out = {8: 3, 4: 2}[m], -(-7 // stride)
    wanted = Operations(3 * 4 * m * m + 3 * out * out, 3 * (4 * m * m * log + 3 * m * m + windows), 3 * 2 * m * m)
    assert count_operations(nn.Sequential(nn.Conv2d(3, 3, 1), model), 7) == wanted + Operations(49 * 9)


@pytest.mark.parametrize(("layer", "windows"), [(FWHTLayer(6, 6, block=2), 3), (FWHTLayer(6, 3, block=2), 2)])
def test_each_window_whose_results_are_used_is_a_transform(layer: FWHTLayer, windows: int) -> None:
    """Of 2 coefficients on 4 pixels: two transforms of 2 additions, 2 subtractions; 2 scalings, 2 products, 2 tanh."""
    convolution = nn.Conv2d(3, 6, 1)
    alone, both = (count_operations(nn.Sequential(*some), 2) for some in ([convolution], [convolution, layer]))
    assert both.tanh == 4 * windows * 2
    assert both.additions - alone.additions == 4 * windows * (2 * 2 + 2)
    assert both.multiply_adds - alone.multiply_adds == 4 * (windows * 4 + layer.out_channels)


PUBLISHED = [("resnet20", 40.8), ("resnet32", 69.1), ("mobilenet_v2_w050", 28.0), ("mobilenet_v2", 88.0)]


@pytest.mark.parametrize("name, millions", PUBLISHED)
def test_multiply_adds_at_32_pixels_are_what_others_count(name: str, millions: float) -> None:
    """chenyaofo/pytorch-cifar-models: 40.8, 69.13, 28.08 and 87.98 M, to the three digits."""
    found = count_operations(build_model(name), 32).multiply_adds / 1e6
    assert found == pytest.approx(millions, rel=0.005)


def test_multiply_adds_of_mobilenet_v3_are_those_of_torchvision() -> None:
    """216.6 M for convolutions and linear layers; the rest is hard activations, excitations and the pools' products."""
    model = build_model("mobilenet_v3_large", 1000, 224).eval()
    found = count_operations(model, 224).multiply_adds
    hard = {"stem_bn": 2, "head_bn": 2, "embedding": 2}
    hard.update({f"blocks.{i}.{part}_bn": 2 for i in range(7, 16) for part in ("expand", "depthwise")})
    excited = (4, 5, 6, 11, 12, 13, 14, 15)
    hard.update({f"blocks.{i}.excite": 1 for i in excited})
    hard.update({f"blocks.{i}.excite.expand": 2 for i in excited})  # the hard sigmoid, and the mean's product
    seen = []
    for name, each in hard.items():
        model.get_submodule(name).register_forward_hook(lambda *call, each=each: seen.append(each * call[2].numel()))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, 224, 224))
    products = counter.get_total_flops() // 2
    assert products / 1e6 == pytest.approx(216.6, abs=0.05)
    assert found == products + sum(seen) + 960


def test_each_path_of_a_hybrid_costs_the_same() -> None:
    """The first one adds its input, whose BatchNorm is a layer: additions as with one path more, and a product."""
    values = 3 * (16 * 32**2 + 32 * 16**2 + 64 * 8**2)
    one, three, five = (count_operations(build_model(f"fwht2d_resnet20{more}"), 32) for more in ("", "_p3", "_p5"))
    two_paths = five.multiply_adds - three.multiply_adds
    mixing, coefficients = 3 * (16 * 16 * 32**2 + 32 * 32 * 16**2 + 64 * 64 * 8**2), values
    assert two_paths == 2 * (mixing + coefficients + values)
    assert three.multiply_adds - one.multiply_adds == two_paths - values
    assert (three.additions - one.additions) == (five.additions - three.additions) - values


@pytest.mark.parametrize("size", [33, 64])
def test_uneven_padding_is_counted_as_torch_counts(size: int) -> None:
    """An even map ends as half of it, an odd one as the larger half; the pool's products are not in torch's count."""
    model = build_model("efficientnet_lite0", 10, size).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, size, size))
    assert count_operations(model, size).multiply_adds - 1280 == counter.get_total_flops() // 2


def test_the_hybrids_at_224_pixels() -> None:
    """Three layers on 14x14 and seven on 7x7 pixels, each 2 * 1024 * 10 additions; the slim head 2 * 2048 * 11 more."""
    baseline, hybrid, slim = (
        count_operations(build_model(f"{prefix}mobilenet_v2{suffix}", 10, 224), 224)
        for prefix, suffix in (("", ""), ("fwht_", ""), ("fwht_", "_slim"))
    )
    pixels = 3 * 14 * 14 + 7 * 7 * 7
    assert hybrid.additions - baseline.additions == pixels * (2 * 1024 * 10 + 1024)
    assert slim.additions - hybrid.additions == 49 * (2 * 2048 * 11 + 2048)
    assert hybrid.tanh == pixels * 1024
    assert baseline.multiply_adds / 1e6 == pytest.approx(299.5, abs=0.1)  # Keras' MobileNetV2 with ten classes
