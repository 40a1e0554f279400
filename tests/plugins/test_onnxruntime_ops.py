"""The library of CPU kernels in ONNX Runtime: sessions with it agree with sessions without."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.harness.node_models import LayerCase, make_fwht_layer_model
from benchmarks.harness.plane_models import PlaneCase, make_plane_model
from server.backends.native_kernels import has_native_ops
from server.bulk.packed_images import read_packed
from tests.plugins.cpu_fwht_case import CpuFwhtCase
from tests.plugins.native import ROOT
from tests.plugins.native_sessions import make_session

MODELS = ("fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")


def read_images(count: int) -> np.ndarray:
    """Test images, normalised about as the models want them: both sides get the same."""
    files = [image.data for image in islice(read_packed(ROOT / "tests/data/cifar10_test_1000.bin"), count)]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32) for data in files])
    return np.ascontiguousarray(((pixels - 120) / 62).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", MODELS)
def test_the_shipped_models_answer_as_with_their_bodies(name: str) -> None:
    """On some images; tests/server/backends/test_native_models.py takes a thousand through the server's backend."""
    model = (ROOT / "models" / f"{name}.onnx").read_bytes()
    images = read_images(48)
    logits = [
        np.concatenate([session.run(None, {"image": part})[0] for part in np.array_split(images, len(images) // 48)])
        for session in (make_session(model, native=False), make_session(model))
    ]
    distance = np.abs(logits[0] - logits[1]).max() / np.abs(logits[0]).max()
    print(f"{len(images)} images: logits differ by {distance:.1e} of the largest")
    assert distance < 2e-5
    assert (logits[0].argmax(axis=1) == logits[1].argmax(axis=1)).mean() >= 0.999


@pytest.mark.parametrize(
    "layer",
    [LayerCase(24, 144, 16, activation=6, block=16), LayerCase(96, 16, 32, keep_dc=0, pool=6, paths=2, block=32)],
)
def test_blocks_answer_as_with_their_body(layer: LayerCase) -> None:
    case = CpuFwhtCase(layer)
    x, weights, _ = case.draw_arrays()
    model = make_fwht_layer_model(layer, weights, 4, 4).SerializeToString()
    body, native = (make_session(model, native=native).run(None, {"x": x})[0] for native in (False, True))
    wanted, allowed = layer.compute_reference(x, weights), layer.compute_tolerance(x, weights)
    assert (np.abs(body - wanted) <= allowed).all() and (np.abs(native - wanted) <= allowed).all()
    assert body.tobytes() != native.tobytes(), "both came from the body"


def test_the_kernel_runs_under_the_nodes_name(tmp_path: Path) -> None:
    case = CpuFwhtCase(LayerCase(5, 7, 8))
    x, weights, _ = case.draw_arrays()
    session = make_session(
        make_fwht_layer_model(case.layer, weights, 4, 4).SerializeToString(), profile=str(tmp_path / "profile")
    )
    session.run(None, {"x": x})
    events = Path(session.end_profiling()).read_text(encoding="utf-8")
    assert '"op_name" : "FWHTLayer"' in events and "layer_kernel_time" in events


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (7, 7), (1, 1), (33, 31)])
def test_any_number_of_threads_gives_the_same_bits(height: int, width: int, threads: int) -> None:
    case = CpuFwhtCase(LayerCase(96, 200, 256, activation=6), batch=3, height=height, width=width)
    x, weights, _ = case.draw_arrays()
    model = make_fwht_layer_model(case.layer, weights, height, width).SerializeToString()
    y = make_session(model, threads=threads).run(None, {"x": x})[0]
    assert y.tobytes() == make_session(model, threads=1).run(None, {"x": x})[0].tobytes()


@pytest.mark.parametrize("case", [PlaneCase(8, 8, 8, paths=3), PlaneCase(13, 9, 16, stride=2, keep_dc=1, soft=1)])
def test_maps_run_under_the_nodes_name_with_the_same_bits(case: PlaneCase, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    weights = case.draw_weights(generator, 70)
    model = make_plane_model(case, weights).SerializeToString()
    x = generator.normal(0, 1, (3, 70, case.height, case.width)).astype(np.float32)
    found = [make_session(model, threads=threads).run(None, {"x": x})[0] for threads in (1, 2, 3)]
    assert len({y.tobytes() for y in found}) == 1
    share = (np.abs(found[0] - case.compute_reference(x, weights)) / case.compute_tolerance(x, weights)).max()
    print(f"{share:.0%} of the tolerance used")
    assert share <= 1
    session = make_session(model, profile=str(tmp_path / "profile"))
    session.run(None, {"x": x})
    events = Path(session.end_profiling()).read_text(encoding="utf-8")
    assert '"op_name" : "FWHT2D"' in events and "layer_kernel_time" in events
    assert has_native_ops(model)
