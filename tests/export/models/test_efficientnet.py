"""EfficientNet-Lite0 against the package whose weights it takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from export.models import build_model
from export.models.efficientnet import STAGES
from export.models.foreign_names import list_wheel_names, rename_tensors
from export.models.imagenet import find_imagenet_file
from export.models.same_convolution import SameConv2d

peer: Any = pytest.importorskip("efficientnet_lite_pytorch", reason="pip install '.[dev]'")


# Even and odd maps at every stage; 224 is what the weights were made for.
@pytest.mark.parametrize(("size", "classes"), [(224, 1000), (96, 1000), (65, 3), (33, 10), (8, 2)])
def test_logits_are_the_peers_to_the_last_bit(size: int, classes: int) -> None:
    """With ImageNet's weights where the classes are its own, else with the peer's first ones."""
    theirs = peer.EfficientNet.from_name("efficientnet-lite0", num_classes=classes, image_size=size).eval()
    if classes == 1000:
        theirs.load_state_dict(torch.load(find_imagenet_file(), weights_only=True))
    renamed = rename_tensors(theirs.state_dict(), list_wheel_names())
    assert renamed is not None
    ours = build_model("efficientnet_lite0", classes, size).eval()
    missing = ours.load_state_dict(renamed, strict=False)
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys) and not missing.unexpected_keys
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_the_table_is_the_peers() -> None:
    blocks = peer.get_model_params("efficientnet-lite0", {})[0]
    found = [(b.kernel_size, b.stride[0] if isinstance(b.stride, list) else b.stride, b.expand_ratio) for b in blocks]
    assert found == [stage[:3] for stage in STAGES]
    assert [(b.output_filters, b.num_repeat) for b in blocks] == [stage[3:] for stage in STAGES]


def test_maps_of_odd_size_need_no_copy() -> None:
    """Where as many zeros come before as after, the convolution pads by itself."""
    model = build_model("efficientnet_lite0", 10, 33)
    uneven = [name for name, m in model.named_modules() if isinstance(m, SameConv2d) and m.pads[0] != m.pads[1]]
    assert uneven == []
