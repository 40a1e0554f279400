"""Does an engine compute what its ONNX file computes? It answers the golden images, through the back end that serves.

float32: within the tolerance that export/to_onnx/parity.py derived for the file. float16 (u = 2^-11): a layer
rounds its weights and its output once each, errors add up over the L layers at worst, and activations are of size 1
behind every BatchNorm, so

    tolerance = 2 L u max|logits|

A GPU without units that add float16 products in float32 (Jetson Nano) rounds every partial sum, too, by sqrt(K) u for K
products; as a random walk over all layers that is sqrt(sum of K) u, which is less: 100 against 128 for MobileNet-V2.
Labels are equal but where the two best classes are closer than that. What export/to_onnx/parity.py says of sgn(x)
holds here, too.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

from export.engine.onnx_wire import Node
from export.engine.parity_verdict import UNIT_ROUNDOFF, ParityError, ParityVerdict, compare_logits
from server.backends.backend import Backend
from server.backends.engine_card import read_card

ROOT = Path(__file__).resolve().parents[2]
EXACT = {"Clip", "Relu", "Flatten", "Reshape"}  # round nothing


BROKEN = (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)  # what np.load raises, too


class GoldenError(Exception):
    """There are no golden answers of an ONNX file, and where they come from."""


def read_golden(onnx: Path, sha256: str, shape: Sequence[int], classes: int) -> Dict[str, np.ndarray]:
    """Golden images and answers that belong to an ONNX file: beside it, in build/, or shipped in tests/data.

    shape: of an image, (3, S, S). Raises GoldenError with what is wrong with each file that there is.
    """
    name = f"{onnx.stem}.golden.npz"
    places = dict.fromkeys(folder / name for folder in (onnx.parent, ROOT / "build", ROOT / "tests" / "data"))
    refused = []
    for path in places:
        if path.is_file():
            try:
                return _read_golden_file(path, sha256, shape, classes)
            except BROKEN as error:
                refused.append(f"{path} does not belong to it ({error})")
    reasons = "; ".join(refused) or f"{name} is not beside it"
    raise GoldenError(
        f"{onnx} has no golden answers to prove an engine by: {reasons}. `make onnx` writes it with the ONNX file: copy"
        " both here"
    )


def _read_golden_file(path: Path, sha256: str, shape: Sequence[int], classes: int) -> Dict[str, np.ndarray]:
    """Raises one of BROKEN where it is broken or of another file."""
    # opened here: NumPy does not close a file that it refuses
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        golden = {key: file[key] for key in ("image", "logits", "tolerance")}
        made_for = str(file["onnx_sha256"]) if "onnx_sha256" in file.files else None
    if made_for not in (None, sha256):
        raise ValueError(f"it is of an ONNX file {made_for[:8]}, this one is {sha256[:8]}")
    image, logits = golden["image"], golden["logits"]
    if image.shape[1:] != tuple(shape) or logits.shape != (len(image), classes) or not len(image):
        raise ValueError(f"images {image.shape} and logits {logits.shape}, not (N, {shape}) and (N, {classes})")
    if image.dtype != np.float32 or not np.isfinite(logits).all() or not float(golden["tolerance"]) > 0:
        raise ValueError("it holds no float32 images, no finite logits or no tolerance")
    return golden


def compute_tolerance(golden: Dict[str, np.ndarray], precision: str, graph: Sequence[Node]) -> float:
    """How far a logit of the engine may be from the golden one."""
    if precision == "fp32":
        return float(golden["tolerance"])
    layers = sum(node.op_type not in EXACT for node in graph)
    return 2 * layers * UNIT_ROUNDOFF[precision] * float(np.abs(golden["logits"]).max())


def is_discontinuous(graph: Sequence[Node]) -> bool:
    """Whether the model holds sgn(x): a multiplication-free layer of operator 1, or a soft threshold."""
    jumps = (("MFDepthwiseConv", "operator"), ("FWHTLayer", "soft"), ("FWHTLayerAdd", "soft"), ("FWHT2D", "soft"))
    return any(node.op_type == op and node.integers.get(attribute) == 1 for node in graph for op, attribute in jumps)


def check_parity(
    backend: Backend, golden: Dict[str, np.ndarray], batches: Sequence[int], precision: str, graph: Sequence[Node]
) -> ParityVerdict:
    """Compare in batches of each of these sizes; the worst comparison. Raises ParityError where one does not hold."""
    allowed, discontinuous = compute_tolerance(golden, precision, graph), is_discontinuous(graph)
    found = [_compare_in_batches(backend, golden, size, allowed, discontinuous) for size in dict.fromkeys(batches)]
    worst = max(found, key=lambda parity: (not parity.passed, parity.largest))
    if not all(parity.passed for parity in found):
        raise ParityError(f"the engine does not compute what the ONNX file does; {worst}")
    return worst


def _compare_in_batches(
    backend: Backend, golden: Dict[str, np.ndarray], size: int, allowed: float, discontinuous: bool
) -> ParityVerdict:
    """The images, repeated until the last batch is full: an engine may have a least batch size."""
    count = len(golden["image"])
    order = np.arange(-(-count // size) * size) % count
    images = golden["image"][order]
    logits = np.concatenate([backend.infer(images[i : i + size]) for i in range(0, len(images), size)])
    return compare_logits(logits[:count], golden["logits"], allowed, discontinuous)


def prove_engine(
    card: Path, plugin: Path, golden: Dict[str, np.ndarray], graph: List[Node], report: Callable[..., Any]
) -> ParityVerdict:
    """In a process of its own: open the engine as the server does, and compare. Raises StartupError, ParityError."""
    from server.backends.tensorrt_backend import TensorRTBackend

    report("proving it on the golden images")
    profile = read_card(card).profile
    backend = TensorRTBackend(card, plugin)
    try:
        sizes = (profile["min"], profile["opt"], profile["max"])
        return check_parity(backend, golden, sizes, backend.precision, graph)
    finally:
        backend.close()
