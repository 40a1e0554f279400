"""Does the ONNX file compute what the PyTorch model computes? Both run on the same real images, in float32.

The tolerance follows from the number format. A sum of K products in float32 is off by about sqrt(K) u of its size
(u = 2^-24, rounding errors as a random walk; Higham, Accuracy and Stability of Numerical Algorithms, section 2.8); each
BatchNorm brings activations back to size 1, so errors of the layers add up, on either side:

    tolerance = 2 u max|logits| sum over layers of sqrt(K)

ReLU and ReLU6 round nothing. A hard sigmoid adds and divides, a hard swish multiplies as well: two and three roundings
more, as of so many products.

A multiplication-free layer of operator 1 holds sgn(x), which jumps at 0, and so does a soft threshold that is negative:
an activation within rounding of 0 may fall on either side, and the logits of that image differ by more. For models with
such layers 2 % of the images may be beyond the tolerance; their labels must agree nevertheless.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from torch import nn

from export.data.datasets import describe_fault
from export.data.names import describe_path
from export.data.raw_images import read_raw
from export.engine.parity_verdict import UNIT_ROUNDOFF, ParityError, ParityVerdict, compare_logits
from export.ops.fwht_2d import FWHT2D
from export.ops.layers import FWHTLayer, MFDepthwiseConv
from export.to_onnx.folded_graph import HARD_SIGMOID, HARD_SWISH, FoldedLayer, fold_graph
from server.errors import ServerError
from server.models.images import decode
from server.models.preprocess import Preprocessing, to_tensor

ROUNDINGS = {HARD_SIGMOID: 2, HARD_SWISH: 3}


def load_real_images(path: Path, preprocessing: Preprocessing, count: int = 64) -> np.ndarray:
    """Up to `count` test images of a data set, evenly spread, prepared as the server does: float32 (N, 3, S, S).

    Raises ValueError where there is no data set, it has no test images or one of them is broken.
    """
    images = [image for image in read_raw(path).images if image.is_test]
    if not images:
        raise ValueError(f"{describe_path(path)} holds no test images to compare on")
    chosen = [images[i] for i in np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)]
    batch = []
    for image in chosen:
        try:
            content = image.read()
            picture = (
                Image.fromarray(content)
                if isinstance(content, np.ndarray)
                else decode(content, preprocessing.size).image
            )
        except (ServerError, OSError) as error:
            raise ValueError(f"{describe_path(path)}, {image.where}: {describe_fault(error)}") from None
        batch.append(to_tensor(picture, preprocessing))
    return np.stack(batch)


def run_onnx(onnx_bytes: bytes, batch: np.ndarray) -> np.ndarray:
    """Logits of ONNX Runtime on the CPU, float32 (N, classes)."""
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    logits: np.ndarray = session.run(None, {"image": batch})[0]
    return logits


def check_parity(model: nn.Module, onnx_bytes: bytes, batch: np.ndarray) -> ParityVerdict:
    """Compare on `batch` (N, 3, S, S). Raises ParityError where the difference is beyond the tolerance."""
    with torch.inference_mode():
        wanted = model(torch.from_numpy(batch)).numpy()
    found = run_onnx(onnx_bytes, batch)
    layers = fold_graph(model)
    discontinuous = any(_jumps(layer) for layer in layers)
    parity = compare_logits(found, wanted, compute_tolerance(layers, wanted), discontinuous)
    if not parity.passed:
        raise ParityError(f"ONNX Runtime and PyTorch disagree; {parity}")
    return parity


def compute_tolerance(layers: list[FoldedLayer], logits: np.ndarray) -> float:
    """How far two float32 runs of these layers may be apart in a logit; the derivation heads this file."""
    roots = sum(np.sqrt(_count_terms(layer)) + np.sqrt(ROUNDINGS.get(layer.activation, 0)) for layer in layers)
    return float(2 * UNIT_ROUNDOFF["fp32"] * np.abs(logits).max() * roots)


def _jumps(layer: FoldedLayer) -> bool:
    """A soft threshold does below 0: from -|T| over 0 to |T|."""
    module = layer.module
    if isinstance(module, (FWHTLayer, FWHT2D)):
        return module.soft and bool((module.thresholds < 0).any())
    return isinstance(module, MFDepthwiseConv) and module.operator == 1


def _count_terms(layer: FoldedLayer) -> int:
    """How many products a layer adds up for one output; an FWHT layer transforms twice, n terms a path."""
    module = layer.module
    if isinstance(module, FWHTLayer):
        return 4 * module.paths * module.n  # sqrt(4 n) = 2 sqrt(n)
    if isinstance(module, FWHT2D):
        return 8 * module.paths * module.n  # n terms along each axis, each way
    if isinstance(module, MFDepthwiseConv):
        return 2 * module.kernel_size**2
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        return module.weight[0].numel()
    return 1
