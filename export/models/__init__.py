"""The models by name, and their variants."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Union

from torch import Tensor, nn

from export.models.efficientnet import EfficientNetLite, EfficientNetSpec
from export.models.mobilenet import MobileNetSpec, MobileNetV2
from export.models.mobilenet_v3 import MobileNetV3, MobileNetV3Spec
from export.models.resnet import ResNet, ResNetSpec
from export.ops.layers import MOST_PATHS

Spec = Union[EfficientNetSpec, MobileNetSpec, MobileNetV3Spec, ResNetSpec]

MODELS: dict[str, Spec] = {
    "mobilenet_v2": MobileNetSpec(),
    "fwht_mobilenet_v2": MobileNetSpec(fwht_bottlenecks=5),
    "fwht_mobilenet_v2_slim": MobileNetSpec(fwht_bottlenecks=5, fwht_head=True),
    "fwht_soft3_mobilenet_v2": MobileNetSpec(fwht_bottlenecks=5, scale=True, paths=3, soft=True),
    "fwht_mf_mobilenet_v2": MobileNetSpec(fwht_bottlenecks=5, operator=1),
    "mobilenet_v2_w050": MobileNetSpec(width=0.5),
    "resnet32": ResNetSpec(blocks=5),
    "resnet20": ResNetSpec(blocks=3),
    "fwht2d_resnet20": ResNetSpec(blocks=3, paths=1, residual=True),
    "fwht2d_resnet20_p3": ResNetSpec(blocks=3, paths=3),
    "fwht2d_resnet20_p5": ResNetSpec(blocks=3, paths=5),
    "mobilenet_v3_large": MobileNetV3Spec(),
    "fwht2d_mobilenet_v3_large": MobileNetV3Spec(fwht_2d=True),
    "efficientnet_lite0": EfficientNetSpec(),
    "fwht_efficientnet_lite0": EfficientNetSpec(fwht_bottlenecks=5),
    "fwht_efficientnet_lite0_slim": EfficientNetSpec(fwht_bottlenecks=5, fwht_head=True),
}


ALLOWED: dict[str, Container[object]] = {
    "operator": (1, 2, 3),
    "paths": range(1, MOST_PATHS + 1),
    "fwht_bottlenecks": range(1, 17),
}
STRUCTURE = ("keep_dc", "fwht_bottlenecks", "fwht_expand", "fwht_project")


def build_model(
    name: str, classes: int = 10, image_size: int = 32, variant: Mapping[str, object] | None = None
) -> nn.Module:
    """A freshly initialised model.

    `variant` changes fields of its spec, as `{"pool": True}` or `{"operator": 2}`. Raises ValueError for an unknown
    name, a field the model does not have, no classes or an image without pixels.
    """
    if name not in MODELS:
        raise ValueError(f"no model is called {name!r}; there are {', '.join(MODELS)}")
    if classes < 1 or image_size < 1:
        raise ValueError(f"classes and image_size are at least 1, not {classes} and {image_size}")
    spec = apply_variant(name, variant or {})
    if isinstance(spec, ResNetSpec):
        return ResNet(spec, classes, image_size)
    if isinstance(spec, MobileNetV3Spec):
        return MobileNetV3(spec, classes, image_size)
    if isinstance(spec, EfficientNetSpec):
        return EfficientNetLite(spec, classes, image_size)
    return MobileNetV2(spec, classes, image_size)


def list_variants(name: str) -> dict[str, object]:
    """What can be varied in the model, with the values it has by itself."""
    spec = MODELS[name]
    if isinstance(spec, (ResNetSpec, MobileNetV3Spec)) or not spec.fwht_bottlenecks:
        return {}
    fields: dict[str, object] = {"pool": spec.pool, "scale": spec.scale, "paths": spec.paths, "soft": spec.soft}
    return {**fields, "operator": spec.operator} if isinstance(spec, MobileNetSpec) and spec.operator else fields


def list_structure(name: str) -> dict[str, object]:
    """What else a hybrid may differ in, in a study or by a card: which of its layers are FWHT layers, and their DC."""
    return {key: getattr(MODELS[name], key) for key in STRUCTURE} if list_variants(name) else {}


def apply_variant(name: str, variant: Mapping[str, object]) -> Spec:
    """The model's spec with the fields of `variant` in it. Raises ValueError where it has no such field or value."""
    possible = {**list_variants(name), **list_structure(name)}
    for key, value in variant.items():
        if key not in possible:
            has = f"it has {', '.join(possible)}" if possible else "it has none"
            raise ValueError(f"{name} has no variant {key!r}; {has}")
        if type(value) is not type(possible[key]) or value not in ALLOWED.get(key, (value,)):
            raise ValueError(f"{name} cannot have {key} = {value!r}; it is {possible[key]!r} by itself")
    return replace(MODELS[name], **variant)  # type: ignore[arg-type]


def get_weights(model: nn.Module) -> dict[str, Tensor]:
    """What is stored and counted: every parameter and the BatchNorm running statistics, by module path."""
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def count_parameters(model: nn.Module) -> int:
    """The size of `weights`: BatchNorm's running mean and variance count, as Keras counts them."""
    return sum(v.numel() for v in get_weights(model).values())
