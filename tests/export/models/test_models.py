"""Parameter counts to the last digit, and shapes for any image size and class count."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from export.models import MODELS, build_model, count_parameters
from export.models.mobilenet import scale_width
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv

TOTALS = {
    "mobilenet_v2": 2_270_794,
    "fwht_mobilenet_v2": 947_786,
    "fwht_mobilenet_v2_slim": 540_234,
    "fwht_soft3_mobilenet_v2": 947_786 + 10 * (2 * 3 - 1) * 1024,  # ten layers, three thresholds and factors for one
    "fwht_mf_mobilenet_v2": 947_786,
    "mobilenet_v2_w050": 719_034,
    "resnet32": 469_370,
    "resnet20": 272_474 + 1_568,
    "fwht2d_resnet20": 151_514 + 1_568,
    "fwht2d_resnet20_p3": 199_898 + 1_568,
    "fwht2d_resnet20_p5": 248_282 + 1_568,
    "mobilenet_v3_large": 4_214_842 + 24_400,
    "fwht2d_mobilenet_v3_large": 3_860_730 + 24_400,
    "efficientnet_lite0": 3_425_834,
    "fwht_efficientnet_lite0": 1_415_210,
    "fwht_efficientnet_lite0_slim": 1_017_898,
}
# Without BatchNorm's running statistics, as others count: 0.70M and 0.47M in chenyaofo/pytorch-cifar-models.
TRAINABLE = {
    "mobilenet_v2_w050": 700_490,
    "resnet32": 466_906,
    "resnet20": 272_474,
    "fwht2d_resnet20": 151_514,
    "fwht2d_resnet20_p3": 199_898,
    "fwht2d_resnet20_p5": 248_282,
    "mobilenet_v3_large": 4_214_842,
    "fwht2d_mobilenet_v3_large": 3_860_730,
}


def test_total_parameters_match_to_the_last_digit() -> None:
    """As Keras counts them, BatchNorm's running statistics included; the paper rounds to 2.270M, 947K and 540K."""
    assert {name: count_parameters(build_model(name)) for name in MODELS} == TOTALS


def test_parameters_of_resnet32_by_hand() -> None:
    """Each convolution of c channels has a BatchNorm of 4 c numbers, two of them trainable."""
    stem = 27 * 16 + 4 * 16
    stages = 10 * (9 * 16 * 16 + 4 * 16) + 9 * 16 * 32 + 9 * (9 * 32 * 32) + 10 * 4 * 32
    stages += 9 * 32 * 64 + 9 * (9 * 64 * 64) + 10 * 4 * 64
    shortcuts = 16 * 32 + 4 * 32 + 32 * 64 + 4 * 64
    assert stem + stages + shortcuts + 64 * 10 + 10 == TOTALS["resnet32"]


@pytest.mark.parametrize("name, paths", [("resnet20", 0), *zip(list(TRAINABLE)[3:6], (1, 3, 5))])
def test_parameters_of_resnet20_and_its_hybrids_by_hand(name: str, paths: int) -> None:
    """A BatchNorm trains 2 c numbers; a path c^2 for channels, n^2 thresholds, n^2 factors; n: the map's side."""
    total = 27 * 16 + 2 * 16 + 64 * 10 + 10
    for before, c, n in [(16, 16, 32)] * 3 + [(16, 32, 16)] + [(32, 32, 16)] * 2 + [(32, 64, 8)] + [(64, 64, 8)] * 2:
        second = paths * (c * c + 2 * n * n) if paths else 9 * c * c
        shortcut = before * c + 2 * c if before < c else 0
        total += 9 * before * c + second + 2 * 2 * c + shortcut
    assert total == TRAINABLE[name]


def count_efficientnet(fwht: bool, head: bool) -> int:
    """Layer by layer, from the table of the network: the channels of the 17 maps, and the sides of the 16 kernels.

    A BatchNorm of c channels has 4 c numbers. An FWHT layer of three paths has 3 thresholds and 3 factors for each
    coefficient: 2048 of them where 192 channels become 1152 or 320 are made of 1152, 1024 beside 672 channels.
    """
    channels = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    total = 27 * 32 + 4 * 32
    for block, (before, after, kernel) in enumerate(zip(channels, channels[1:], kernels), 1):
        hidden = before if block == 1 else 6 * before
        n = 1024 if hidden <= 1024 else 2048
        pointwise = [] if block == 1 else [before * hidden]
        pointwise += [hidden * after]
        total += len(pointwise) * 6 * n if fwht and block > 11 else sum(pointwise)
        total += kernel**2 * hidden + 4 * (hidden * (1 + (block > 1)) + after)
    return total + (6 * 2048 if head else 320 * 1280) + 4 * 1280 + 1280 * 10 + 10


def test_parameters_of_efficientnet_by_hand() -> None:
    """With 1000 classes as the published 4.65 million, of which 42,016 are running statistics."""
    assert count_efficientnet(False, False) == TOTALS["efficientnet_lite0"]
    assert count_efficientnet(True, False) == TOTALS["fwht_efficientnet_lite0"]
    assert count_efficientnet(True, True) == TOTALS["fwht_efficientnet_lite0_slim"]


def count_mobilenet_v3(classes: int, side: int, hybrid: bool) -> int:
    """By table 1 of arXiv 1905.02244: kernel, channels within and behind a block, squeezed channels or 0, stride.

    `side` of the maps behind the stem. A squeeze makes a quarter of the channels, in multiples of 8, and has biases. A
    block whose channels within are those before it does not expand. A layer in place of a 3x3 kernel has 2 n^2 numbers.
    """
    rows = "3 16 16 0 1|3 64 24 0 2|3 72 24 0 1|5 72 40 24 2|5 120 40 32 1|5 120 40 32 1|3 240 80 0 2|3 200 80 0 1"
    rows += "|3 184 80 0 1|3 184 80 0 1|3 480 112 120 1|3 672 112 168 1|5 672 160 168 2|5 960 160 240 1|5 960 160 240 1"
    total, before, small = 27 * 16 + 2 * 16, 16, side == 32
    for kernel, hidden, after, squeezed, stride in (map(int, row.split()) for row in rows.split("|")):
        total += (before * hidden + 2 * hidden if before < hidden else 0) + 2 * hidden + hidden * after + 2 * after
        if hybrid and kernel == 3:
            total += 2 * 4 ** (side - 1).bit_length()
        else:
            total += kernel**2 * hidden + (2 * squeezed * hidden + squeezed + hidden if squeezed else 0)
        before, side = after, -(-side // (1 if small and after == 24 else stride))
    total += 160 * 960 + 2 * 960 + (2 * 4 ** (side - 1).bit_length() if hybrid else 0)
    return total + 960 * 1280 + 1280 + 1280 * classes + classes


def test_parameters_of_mobilenet_v3_by_hand() -> None:
    """5,483,032 is what torchvision publishes for its mobilenet_v3_large."""
    assert count_mobilenet_v3(1000, 112, False) == 5_483_032
    for prefix, hybrid in (("", False), ("fwht2d_", True)):
        name = f"{prefix}mobilenet_v3_large"
        assert count_mobilenet_v3(10, 32, hybrid) == TRAINABLE[name]
        trainable = sum(parameter.numel() for parameter in build_model(name, 1000, 224).parameters())
        assert trainable == count_mobilenet_v3(1000, 112, hybrid)


@pytest.mark.parametrize("name", TRAINABLE)
def test_trainable_parameters_are_what_others_count(name: str) -> None:
    assert sum(parameter.numel() for parameter in build_model(name).parameters()) == TRAINABLE[name]


def test_half_the_width_in_multiples_of_eight() -> None:
    """24 / 2 = 12 becomes 16, not 8: no more than a tenth may get lost."""
    halves = {32: 16, 16: 8, 24: 16, 64: 32, 96: 48, 160: 80, 320: 160, 1280: 640}
    assert {channels: scale_width(channels, 0.5) for channels in halves} == halves
    assert build_model("mobilenet_v2_w050").get_parameter("head.weight").shape == (1280, 160, 1, 1)


# The last map's side by the image's, for a network that halves it 3 times up to 64 pixels (ResNet: twice), else 5 (4).
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size, classes, last_map", [(32, 10, 4), (33, 3, 5), (64, 100, 8), (65, 2, 3), (96, 10, 3)])
def test_any_image_size_and_class_count(name: str, size: int, classes: int, last_map: int) -> None:
    model = build_model(name, classes, size).eval()
    if "resnet" in name:
        last_map = {32: 8, 33: 9, 64: 16, 65: 5, 96: 6}[size]
    if "efficientnet" in name:
        last_map = -(-size // 32)
    last = list(model.get_submodule("blocks").children())[-1]
    seen = []
    last.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[2:])))
    with torch.inference_mode():
        logits = model(torch.randn(2, 3, size, size))
    assert logits.shape == (2, classes) and bool(torch.isfinite(logits).all())
    assert seen == [(last_map, last_map)]


@pytest.mark.parametrize("variant", [{"pool": True}, {"scale": True}, {"pool": True, "scale": True, "operator": 3}])
def test_a_variant_is_seen_in_the_layers(variant: dict[str, object]) -> None:
    model = build_model("fwht_mf_mobilenet_v2", variant=variant)
    layers = [module for module in model.modules() if isinstance(module, FWHTLayer)]
    pools = {layer.pool for layer in layers if layer.out_channels < layer.in_channels}
    assert pools == ({3, 6} if variant.get("pool") else {1})
    assert all((layer.scale is not None) == bool(variant.get("scale")) for layer in layers)
    operators = {module.operator for module in model.modules() if isinstance(module, MFDepthwiseConv)}
    assert operators == {variant.get("operator", 1)}
    added = sum(layer.n for layer in layers) if variant.get("scale") else 0
    assert count_parameters(model) == TOTALS["fwht_mf_mobilenet_v2"] + added


@pytest.mark.parametrize("variant, added", [({"paths": 3}, 5), ({"soft": True}, 0), ({"paths": 2, "scale": True}, 3)])
def test_paths_have_thresholds_and_factors_of_their_own(variant: dict[str, object], added: int) -> None:
    """P thresholds and P factors for each coefficient instead of one threshold; one path alone needs no factor."""
    model = build_model("fwht_mobilenet_v2", variant=variant)
    layers = [module for module in model.modules() if isinstance(module, FWHTLayer)]
    assert {(layer.paths, layer.soft) for layer in layers} == {(variant.get("paths", 1), variant.get("soft", False))}
    assert count_parameters(model) == TOTALS["fwht_mobilenet_v2"] + added * sum(layer.n for layer in layers)
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def is_fwht(module: nn.Module) -> bool:
    return isinstance(module, FWHTLayer)


def test_what_the_hybrids_replace() -> None:
    model = build_model("fwht_mf_mobilenet_v2")
    fwht = [name for name, module in model.named_modules() if isinstance(module, FWHTLayer)]
    assert fwht == [f"blocks.{i}.{part}" for i in range(13, 18) for part in ("expand", "project")]
    mf = [name for name, module in model.named_modules() if isinstance(module, MFDepthwiseConv)]
    assert mf == [f"blocks.{i}.depthwise" for i in range(13, 18)]
    planes = {
        name: (module.stride, module.n)
        for name, module in build_model("fwht2d_mobilenet_v3_large", 10, 224).named_modules()
        if isinstance(module, FWHT2D)
    }
    sizes = {1: (1, 128), 2: (2, 128), 3: (1, 64), 7: (2, 32), **dict.fromkeys(range(8, 13), (1, 16))}
    assert planes == {**{f"blocks.{i}.depthwise": size for i, size in sizes.items()}, "last_fwht": (1, 8)}
    fwht = [name for name, module in build_model("fwht_efficientnet_lite0_slim").named_modules() if is_fwht(module)]
    assert fwht == [*(f"blocks.{i}.{part}" for i in range(12, 17) for part in ("expand", "project")), "head"]
    sides = {m.n for m in build_model("fwht_mobilenet_v2_slim").modules() if isinstance(m, FWHTLayer)}
    assert sides == {1024, 2048}


def test_a_hybrid_of_images_whose_maps_are_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match=r"images of 257 pixels make maps of 129 .* make them 256 pixels or smaller"):
        build_model("fwht2d_mobilenet_v3_large", 10, 257)


def test_a_layer_before_the_pooling_thresholds_the_means_of_maps_that_fill_it() -> None:
    """Of 4x4 coefficients the first alone is in the mean; of 4x4 on a map of 3x3 all are."""
    for size, used in ((32, 1), (96, 16)):
        model = build_model("fwht2d_mobilenet_v3_large", 3, size)
        model(torch.randn(2, 3, size, size)).square().sum().backward()
        gradient = model.get_parameter("last_fwht.scale").grad
        assert gradient is not None and int((gradient.abs() > 1e-6 * gradient.abs().max()).sum()) == used


LEARNING = "fwht_mf_mobilenet_v2 resnet32 fwht2d_resnet20_p3 fwht2d_mobilenet_v3_large fwht_efficientnet_lite0_slim"


@pytest.mark.parametrize("name", LEARNING.split())
def test_every_weight_gets_a_gradient(name: str) -> None:
    model = build_model(name)
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("resnet18",), "fwht_mobilenet_v2_slim"),
        (("mobilenet_v2", 0), "at least 1"),
        (("resnet32", 10, 32, {"pool": True}), "resnet32 has no variant 'pool'; it has none"),
        (("fwht2d_resnet20", 10, 32, {"paths": 3}), "fwht2d_resnet20 has no variant 'paths'; it has none"),
        (("fwht_mobilenet_v2", 10, 32, {"operator": 2}), "no variant 'operator'; it has pool, scale"),
        (("fwht_mobilenet_v2", 10, 32, {"paths": 9}), "cannot have paths = 9; it is 1 by itself"),
        (("fwht_mobilenet_v2", 10, 32, {"paths": True}), "cannot have paths = True"),
        (("mobilenet_v2", 10, 32, {"soft": True}), "no variant 'soft'"),
        (("fwht_mf_mobilenet_v2", 10, 32, {"operator": 4}), "cannot have operator = 4; it is 1 by itself"),
        (("fwht_mobilenet_v2", 10, 32, {"pool": "yes"}), "cannot have pool = 'yes'"),
        (("efficientnet_lite0", 10, 32, {"soft": False}), "no variant 'soft'; it has none"),
        (("fwht_efficientnet_lite0", 10, 32, {"operator": 1}), "no variant 'operator'; it has pool, scale"),
    ],
)
def test_what_does_not_exist_is_refused(arguments: tuple[Any, ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        build_model(*arguments)


TRACED: list[tuple[str, dict[str, object]]] = [
    ("fwht_mf_mobilenet_v2", {}),
    ("fwht_mobilenet_v2", {"paths": 2, "soft": True}),
    ("resnet32", {}),
    ("fwht2d_resnet20", {}),
    ("fwht2d_mobilenet_v3_large", {}),
    ("efficientnet_lite0", {}),
]


@pytest.mark.soak
@pytest.mark.parametrize(("name", "variant"), TRACED)
def test_a_model_compiles_in_one_piece(name: str, variant: dict[str, object]) -> None:
    """Torch's tracer sees all of it (`fullgraph`); the operations are then run as they are, with the same result."""
    check_compiled(build_model(name, 10, 8, variant), torch.randn(2, 3, 8, 8))


def test_layers_compile_in_one_piece() -> None:
    check_compiled(FWHTLayer(8, 12, paths=2, soft=True), torch.randn(2, 8, 3, 3))
    check_compiled(MFDepthwiseConv(8), torch.randn(2, 8, 5, 5))


def check_compiled(model: nn.Module, images: torch.Tensor) -> None:
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    model.eval()
    assert torch.equal(compiled(images), model(images))
    model.train()
    compiled(images).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", ["fwht_mobilenet_v2", "fwht_efficientnet_lite0"])
def test_a_hybrid_may_keep_some_of_its_convolutions(name: str) -> None:
    """Which layers are FWHT layers, of how many bottlenecks, and whether their DC passes."""
    whole = {path for path, module in build_model(name).named_modules() if isinstance(module, FWHTLayer)}
    last = sorted(whole, key=lambda path: int(path.split(".")[1]))[-4:]
    for variant, wanted in (
        ({"fwht_bottlenecks": 2}, set(last)),
        ({"fwht_expand": False}, {path for path in whole if path.endswith("project")}),
        ({"fwht_project": False}, {path for path in whole if path.endswith("expand")}),
        ({"keep_dc": False}, whole),
    ):
        found = {p: m for p, m in build_model(name, variant=variant).named_modules() if isinstance(m, FWHTLayer)}
        assert found.keys() == wanted, variant
        assert all(module.keep_dc is variant.get("keep_dc", True) for module in found.values())
    with pytest.raises(ValueError, match="cannot have fwht_bottlenecks = 0"):
        build_model(name, variant={"fwht_bottlenecks": 0})
