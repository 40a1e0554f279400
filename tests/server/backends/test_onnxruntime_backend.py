"""The ONNX Runtime backend on a small model of every layer kind, and layer reports of the shipped models."""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from benchmarks.harness import tiny_models
from server.backends.backend import infer_in_parts
from server.backends.onnxruntime_backend import OnnxRuntimeBackend
from server.errors import BadRequest, Busy, StartupError
from server.profiling.build_report import one_profile_at_a_time

SHIPPED = sorted((Path(__file__).parent.parent.parent.parent / "models").glob("*.onnx"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.onnx")


@pytest.fixture(scope="module")
def backend(path: Path) -> OnnxRuntimeBackend:
    return OnnxRuntimeBackend(path)


def batch(count: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((count, 3, 16, 16)).astype(np.float32)


def test_a_file_may_fix_its_batch(tmp_path: Path, backend: OnnxRuntimeBackend) -> None:
    model = tiny_models.make_tiny_model()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    fixed = OnnxRuntimeBackend(tiny_models.write_tiny_model(tmp_path / "fixed.onnx", model))
    assert (fixed.max_batch, backend.max_batch) == (1, None)
    images = batch(3)
    one_by_one = np.concatenate([backend.infer(image[None]) for image in images])
    np.testing.assert_array_equal(infer_in_parts(fixed, images), one_by_one)


def test_infer(backend: OnnxRuntimeBackend, path: Path) -> None:
    images = batch(5)
    (expected,) = ReferenceEvaluator(str(path)).run(None, {"image": images})
    logits = backend.infer(images)
    assert logits.shape == (5, 4) and logits.dtype == np.float32
    # Sums of at most 3 * 3 * 48 products in fifteen layers, in another order than the reference's.
    tolerance = 15 * np.sqrt(3 * 3 * 48) * np.finfo(np.float32).eps * np.abs(expected).max()
    error = np.abs(logits - expected).max()
    print(f"{error / tolerance:.0%} of the tolerance")
    assert error <= tolerance


def test_facts(backend: OnnxRuntimeBackend) -> None:
    assert (backend.name, backend.precision, backend.provider) == ("onnxruntime", "fp32", "cpu")
    assert backend.problem is None
    assert set(backend.metadata) >= {"labels", "preprocessing"}


def test_threads_get_their_own_answers(backend: OnnxRuntimeBackend) -> None:
    images = batch(8)
    expected = [backend.infer(images[i : i + 1]) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for i, logits in enumerate(pool.map(lambda k: backend.infer(images[k % 8 : k % 8 + 1]), range(80))):
            np.testing.assert_array_equal(logits, expected[i % 8])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 3, 16, 16)),
        np.zeros((1, 3, 16, 16), np.uint8),
        np.zeros((3, 16, 16), np.float32),
        np.zeros((1, 3, 32, 32), np.float32),
        np.zeros((1, 1, 16, 16), np.float32),
        np.zeros((0, 3, 16, 16), np.float32),
    ],
)
def test_input_of_another_kind(backend: OnnxRuntimeBackend, images: np.ndarray) -> None:
    with pytest.raises(BadRequest, match=r"must be float32 of shape \(N, 3, 16, 16\)"):
        backend.infer(images)
    with pytest.raises(BadRequest):
        backend.profile(images)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"none\.onnx is not there.*make onnx"):
        OnnxRuntimeBackend(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"text", b"\x08\x08\xff\xff\xff\xff"])
def test_broken_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(StartupError, match=r"broken\.onnx cannot be loaded.*make onnx"):
        OnnxRuntimeBackend(tmp_path / "broken.onnx")


def test_truncated_file(tmp_path: Path, path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(StartupError, match=r"half\.onnx cannot be loaded"):
        OnnxRuntimeBackend(tmp_path / "half.onnx")


def test_custom_operators_without_bodies(tmp_path: Path, path: Path) -> None:
    model = onnx.load(str(path))
    del model.functions[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    with pytest.raises(StartupError, match="without function bodies.*make onnx"):
        OnnxRuntimeBackend(tmp_path / "bare.onnx")


def test_unknown_provider(path: Path) -> None:
    with pytest.raises(StartupError, match="provider is 'tpu': choose cpu, cuda or auto"):
        OnnxRuntimeBackend(path, "tpu")


def test_cuda_that_fell_back_is_a_problem(path: Path) -> None:
    wanted = OnnxRuntimeBackend(path, "cuda")
    if wanted.provider == "cuda":
        pytest.skip("CUDA works here, so nothing falls back")
    assert wanted.provider == "cpu"
    assert wanted.problem and wanted.problem.startswith("CUDA was asked for and ONNX Runtime fell back to the CPU: ")
    assert wanted.infer(batch(1)).shape == (1, 4)
    assert OnnxRuntimeBackend(path, "auto").problem is None


@pytest.mark.gpu
def test_cuda(path: Path, backend: OnnxRuntimeBackend) -> None:
    on_gpu = OnnxRuntimeBackend(path, "cuda")
    if on_gpu.provider == "cpu" and os.environ.get("TESTS_REQUIRE_GPU") != "1":
        pytest.skip(f"needs onnxruntime-gpu and a GPU: {on_gpu.problem}")
    assert on_gpu.provider == "cuda" and on_gpu.problem is None
    np.testing.assert_allclose(on_gpu.infer(batch(2)), backend.infer(batch(2)), atol=0.05)  # TF32 in convolutions


def test_layer_report(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    report = OnnxRuntimeBackend(path, threads=1).profile(batch(2), runs=12)
    assert not list(tmp_path.iterdir())  # trace and optimised graph are gone
    layers = [item for item in report["items"] if item["onnx_nodes"]]
    ops = {name: op for name, op, _ in tiny_models.LAYERS}
    assert {item["name"]: item["op"] for item in layers}.items() <= ops.items()
    listed = [node for item in layers for node in item["onnx_nodes"]]
    assert sorted(listed) == sorted(node for _, _, nodes in tiny_models.LAYERS for node in nodes)
    assert [item["name"] for item in layers] == [name for name in ops if name in {item["name"] for item in layers}]
    assert all(item["op"] in ("ReorderInput", "ReorderOutput") for item in report["items"] if not item["onnx_nodes"])
    assert report["runs"] == 12
    assert report["conditions"]["batch"] == 2 and report["conditions"]["threads"] == 1
    assert report["conditions"]["onnxruntime"] == onnxruntime.__version__


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_layer_report_of_the_shipped_models(path: Path) -> None:
    backend = OnnxRuntimeBackend(path, threads=1)
    size = json.loads(path.with_suffix(".json").read_text())["preprocessing"]["size"]
    report = backend.profile(np.zeros((1, 3, size, size), np.float32), runs=10)
    exported = onnx.load(str(path)).graph.node
    listed = [node for item in report["items"] for node in item["onnx_nodes"]]
    assert sorted(listed) == sorted(node.name for node in exported)
    by_name = {item["name"]: item for item in report["items"]}
    for node in exported:
        if node.domain == "fwht":  # an inlined layer is one item, and has a time
            assert by_name[node.name]["op"] == node.op_type and by_name[node.name]["ms"] > 0
    kernels = report["sum_ms"] + report["unattributed_ms"]
    print(f"{kernels / report['profiled_ms']:.0%} of {report['profiled_ms']} ms; {report.get('note')}")
    assert abs(report["profiled_ms"] - kernels) <= 0.1 * report["profiled_ms"] or "less than" in report["note"]
    assert report["unattributed_ms"] < 0.2 * kernels


def test_a_second_profile_is_refused(backend: OnnxRuntimeBackend) -> None:
    with one_profile_at_a_time(), pytest.raises(Busy):
        backend.profile(batch(1), runs=1)
    assert backend.profile(batch(1), runs=1)["runs"] == 1


def test_small_models_are_run_more_often(backend: OnnxRuntimeBackend) -> None:
    assert 10 < backend.profile(batch(1))["runs"] <= 100


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
def test_a_file_that_may_not_be_read(tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny.read_bytes())
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(StartupError, match="cannot be read .Permission denied.: let the server's user read it"):
            OnnxRuntimeBackend(path)
    finally:
        os.seteuid(user)
