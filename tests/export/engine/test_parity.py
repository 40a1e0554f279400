"""Golden answers, which file they belong to, and the proof of an engine by them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.node_models import LayerCase, make_fwht_layer_model
from export.engine.onnx_wire import read_nodes
from export.engine.parity import GoldenError, check_parity, compute_tolerance, is_discontinuous, read_golden
from export.engine.parity_verdict import ParityError
from server.backends.onnxruntime_backend import OnnxRuntimeBackend

ROOT = Path(__file__).parents[3]
MODELS = sorted((ROOT / "models").glob("*.onnx"))
SHAPE, CLASSES = (3, 32, 32), 10  # of the paper's models


def read_shape(path: Path) -> tuple[int, int, int]:
    """The image that the ONNX file takes."""
    size = json.loads(path.with_suffix(".json").read_text())["preprocessing"]["size"]
    return 3, size, size


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_shipped_golden_answers_name_their_file(path: Path) -> None:
    golden = np.load(ROOT / "tests" / "data" / f"{path.stem}.golden.npz")
    assert str(golden["onnx_sha256"]) == sha256(path)
    read = read_golden(path, sha256(path), read_shape(path), CLASSES)
    np.testing.assert_array_equal(read["logits"], golden["logits"])


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_an_engine_that_is_right(path: Path, precision: str) -> None:
    """ONNX Runtime in the engine's place: in batches of 1, 3 and 16 the answers are the golden ones."""
    golden = read_golden(path, sha256(path), read_shape(path), CLASSES)
    backend = OnnxRuntimeBackend(path, threads=1)
    parity = check_parity(backend, golden, (1, 3, 16), precision, read_nodes(path.read_bytes()))
    print(f"{path.stem} {precision}: {parity}")
    assert parity.images == 8 and parity.equal_labels == 8


class Rough:
    """Answers that are off by `error` at random, or by what else is asked for."""

    def __init__(self, golden: dict[str, np.ndarray], error: float, change: Any = None) -> None:
        self.golden, self.error, self.change = golden, error, change
        self.batches: list[int] = []

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(len(batch))
        found = [int(np.flatnonzero((self.golden["image"] == x).all((1, 2, 3)))[0]) for x in batch]
        logits: np.ndarray = self.golden["logits"][found].copy()
        logits[:, 0] += self.error
        return logits if self.change is None else self.change(logits)


@pytest.fixture
def golden() -> dict[str, np.ndarray]:
    path = ROOT / "models/fwht_mobilenet_v2.onnx"
    return read_golden(path, sha256(path), SHAPE, CLASSES)


GRAPH = read_nodes((ROOT / "models/fwht_mobilenet_v2.onnx").read_bytes())


def test_the_tolerance_of_float16(golden: dict[str, np.ndarray]) -> None:
    """2 L u max|logits|: 64 layers round, Clip and Flatten do not; more than float32's, less than the logits."""
    largest = float(np.abs(golden["logits"]).max())
    assert compute_tolerance(golden, "fp32", GRAPH) == float(golden["tolerance"])
    assert compute_tolerance(golden, "fp16", GRAPH) == pytest.approx(2 * 64 * 2**-11 * largest)
    assert 100 * compute_tolerance(golden, "fp32", GRAPH) < compute_tolerance(golden, "fp16", GRAPH) < largest / 10


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_an_engine_that_is_off(golden: dict[str, np.ndarray], precision: str) -> None:
    allowed = compute_tolerance(golden, precision, GRAPH)
    good: Any = Rough(golden, 0.9 * allowed)
    assert check_parity(good, golden, (1, 16), precision, GRAPH).share == pytest.approx(0.9, rel=1e-3)
    assert good.batches == [1] * 8 + [16]
    bad: Any = Rough(golden, 1.1 * allowed)
    with pytest.raises(ParityError, match="8 images: largest difference"):
        check_parity(bad, golden, (1, 16), precision, GRAPH)


def test_an_engine_that_is_off_in_large_batches_alone(golden: dict[str, np.ndarray]) -> None:
    def exchange(logits: np.ndarray) -> np.ndarray:
        return logits[::-1] if len(logits) > 4 else logits

    engine: Any = Rough(golden, 0, exchange)
    assert check_parity(engine, golden, (1, 4), "fp32", GRAPH).largest == 0
    with pytest.raises(ParityError):
        check_parity(engine, golden, (1, 4, 16), "fp32", GRAPH)


def test_which_models_jump() -> None:
    jumping = [path.stem for path in MODELS if is_discontinuous(read_nodes(path.read_bytes()))]
    # sgn(x) (|x| - T) jumps where a trained threshold is negative
    soft = [f"fwht2d_resnet20{paths}" for paths in ("", "_p3", "_p5")]
    soft += ["fwht_efficientnet_lite0", "fwht_efficientnet_lite0_96", "fwht_efficientnet_lite0_slim"]
    assert jumping == [*soft, "fwht_mf_mobilenet_v2"]
    layers = [LayerCase(3, 5, 8, paths=2), LayerCase(3, 5, 8, soft=1)]
    models = [make_fwht_layer_model(each, each.draw_weights(np.random.default_rng(0)), 2, 2) for each in layers]
    assert [is_discontinuous(read_nodes(model.SerializeToString())) for model in models] == [False, True]


def write(path: Path, **changes: Any) -> Path:
    """An ONNX file (of any content) with golden answers."""
    path.write_bytes(b"onnx")
    values: dict[str, Any] = {
        "image": np.zeros((2, 3, 4, 4), np.float32),
        "logits": np.zeros((2, 5), np.float32),
        "tolerance": 1e-4,
        "onnx_sha256": sha256(path),
        **changes,
    }
    there: Any = {key: value for key, value in values.items() if value is not None}
    np.savez(path.with_name(f"{path.stem}.golden.npz"), **there)
    return path


def test_golden_answers_that_do_not_tell_their_file(tmp_path: Path) -> None:
    """Files from before they did: by their shape."""
    path = write(tmp_path / "mine.onnx", onnx_sha256=None)
    assert read_golden(path, sha256(path), (3, 4, 4), 5)["image"].shape == (2, 3, 4, 4)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"onnx_sha256": "0" * 64}, "is of an ONNX file 00000000, this one is"),
        ({"image": np.zeros((2, 3, 8, 8), np.float32)}, r"images \(2, 3, 8, 8\)"),
        ({"logits": np.zeros((2, 6), np.float32)}, r"logits \(2, 6\)"),
        ({"logits": np.zeros((3, 5), np.float32)}, r"logits \(3, 5\)"),
        ({"logits": np.full((2, 5), np.nan, np.float32)}, "no finite logits"),
        ({"image": np.zeros((2, 3, 4, 4))}, "no float32 images"),
        ({"tolerance": 0.0}, "no tolerance"),
        ({"tolerance": None}, "tolerance"),
        ({"image": np.array([{}], dtype=object)}, "pickle"),
    ],
)
def test_golden_answers_that_will_not_do(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "mine.onnx", **changes)
    with pytest.raises(GoldenError, match=words) as caught:
        read_golden(path, sha256(path), (3, 4, 4), 5)
    assert "mine.golden.npz does not belong to it" in str(caught.value) and "make onnx" in str(caught.value)


@pytest.mark.parametrize("length", [0, 10, 400])
def test_a_truncated_file(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "mine.onnx")
    golden = tmp_path / "mine.golden.npz"
    golden.write_bytes(golden.read_bytes()[:length])
    with pytest.raises(GoldenError, match="does not belong to it"):
        read_golden(path, sha256(path), (3, 4, 4), 5)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match="mine.golden.npz is not beside it.*copy both here"):
        read_golden(tmp_path / "mine.onnx", "", (3, 4, 4), 5)
