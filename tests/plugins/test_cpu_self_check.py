"""The library's check of itself: its stored answers are those of the float64 reference."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.node_models import LayerCase
from export.ops.bottleneck_reference import Filter, Layer, fwht_bottleneck
from export.ops.contract import PLUGINS
from export.ops.fwht_2d_reference import fwht_2d
from export.ops.reference import activate, fwht_layer_gradients, mf_depthwise_conv
from tests.plugins.cpu_fwht_2d_training_case import TrainingRun, put_last
from tests.plugins.native import native_libraries

SOURCE = PLUGINS / "cpu" / "self_check.cpp"
FIELDS = (
    "batch",
    "pixels",
    "in_channels",
    "out_channels",
    "n",
    "pool",
    "keep_dc",
    "activation",
    "paths",
    "soft",
    "ones",
    "residual",
    "block",
)  # and the digest


GRADIENTS_FIELDS = (
    "batch",
    "pixels",
    "in_channels",
    "out_channels",
    "n",
    "pool",
    "keep_dc",
    "paths",
    "soft",
    "nhwc",
)
MF_FIELDS = ("batch", "channels", "height", "width", "kernel_size", "stride", "op")


PLANE_FIELDS = (
    "batch",
    "channels",
    "height",
    "width",
    "n",
    "stride",
    "keep_dc",
    "activation",
    "paths",
    "soft",
)


TRAINING_FIELDS = (
    "batch",
    "channels",
    "height",
    "width",
    "n",
    "stride",
    "keep_dc",
    "paths",
    "soft",
    "apart",
)


BOTTLENECK_FIELDS = (
    "batch",
    "in_channels",
    "hidden",
    "out_channels",
    "n",
    "height",
    "width",
    "stride",
    "op",
    "residual",
)


def read_answers(table: str, fields: tuple[str, ...], source: Path = SOURCE) -> list[tuple[dict[str, int], float]]:
    """The rows of one of the tables: fields by name, digest."""
    text = source.read_text(encoding="utf-8").partition(f"{table}[] = {{")[2].partition("};")[0]
    rows = [[float(value) for value in row.split(",")] for row in re.findall(r"\{([^}]*)\}", text)]
    return [({name: int(value) for name, value in zip(fields, row)}, row[-1]) for row in rows]


def make_pattern(count: int, step: int) -> np.ndarray:
    return (((np.arange(count) * step + 5) % 17 - 8) / 8).astype(np.float32)


def compute_digest(answer: dict[str, int]) -> float:
    names = ("in_channels", "out_channels", "n", "keep_dc", "pool", "paths", "soft", "block")
    layer = LayerCase(**{name: answer[name] for name in names})
    shape = (answer["batch"], layer.in_channels, answer["pixels"], 1)
    out_shape = (answer["batch"], layer.out_channels, answer["pixels"], 1)
    weights = {
        "thresholds": make_pattern(layer.n * layer.paths, 3),
        "scale": make_pattern(layer.n * layer.paths, 11),
        "gain": make_pattern(layer.out_channels, 5),
        "bias": make_pattern(layer.out_channels, 13),
    }
    if answer["ones"]:
        weights["scale"][:] = 1
    y = layer.compute_reference(make_pattern(int(np.prod(shape)), 7).reshape(shape), weights)
    if answer["residual"]:
        y = y + make_pattern(int(np.prod(out_shape)), 4).reshape(out_shape)
    return sum_up(activate(y, answer["activation"]))


def compute_gradients_digest(answer: dict[str, int]) -> float:
    """X, the gradient of Y and what is found for X lie as `nhwc` says."""
    values = dict(answer)
    batch, pixels, channels, out_channels, n, nhwc = (
        values.pop(name) for name in ("batch", "pixels", "in_channels", "out_channels", "n", "nhwc")
    )
    x, dy = (
        lay_out(make_pattern(batch * c * pixels, step), batch, c, nhwc)
        for c, step in ((channels, 7), (out_channels, 4))
    )
    thresholds, scale = make_pattern(n * answer["paths"], 3), make_pattern(n * answer["paths"], 11)
    dx, *others = fwht_layer_gradients(x, thresholds, scale, dy, **values)
    dx = dx.transpose(0, 2, 3, 1) if nhwc else dx
    return sum_up(np.concatenate([dx.ravel(), *others]))


def lay_out(values: np.ndarray, batch: int, channels: int, nhwc: int) -> np.ndarray:
    """As (N, C, H, 1)."""
    if not nhwc:
        return np.asarray(values.reshape(batch, channels, -1, 1))
    return np.asarray(values.reshape(batch, -1, 1, channels).transpose(0, 3, 1, 2))


def compute_mf_digest(answer: dict[str, int]) -> float:
    channels, k = answer["channels"], answer["kernel_size"]
    shape = (answer["batch"], channels, answer["height"], answer["width"])
    x = make_pattern(int(np.prod(shape)), 7).reshape(shape)
    weight = make_pattern(channels * k * k, 3).reshape(channels, 1, k, k)
    gain, bias = make_pattern(channels, 5), make_pattern(channels, 13)
    return sum_up(mf_depthwise_conv(x, weight, gain, bias, answer["stride"], k // 2, answer["op"]))


def sum_up(y: np.ndarray) -> float:
    return float((y.reshape(-1) * (7 * np.arange(y.size) % 13 - 6)).sum())


def test_the_stored_answers_are_the_references() -> None:
    answers = read_answers("kFwhtLayerAnswers", FIELDS)
    assert {answer["n"] for answer, _ in answers} >= {2, 64, 1024, 2048, 4096}
    for answer, digest in answers:
        assert compute_digest(answer) == pytest.approx(digest, abs=1e-3), answer
    for answer, digest in read_answers("kFwhtGradientsAnswers", GRADIENTS_FIELDS):
        assert compute_gradients_digest(answer) == pytest.approx(digest, abs=1e-3), answer
    mf_answers = read_answers("kMfDepthwiseConvAnswers", MF_FIELDS)
    assert {(answer["op"], answer["kernel_size"]) for answer, _ in mf_answers} == set(product((1, 2, 3), (3, 5)))
    for answer, digest in mf_answers:
        assert compute_mf_digest(answer) == pytest.approx(digest, abs=1e-3), answer


def compute_bottleneck_digest(answer: dict[str, int]) -> float:
    n, hidden = answer["n"], answer["hidden"]
    thresholds, scale, gain, bias = (make_pattern(n, step) for step in (3, 11, 5, 13))
    layers = [Layer(thresholds, scale, gain[:size], bias[:size]) for size in (hidden, answer["out_channels"])]
    weight = make_pattern(hidden * 9, 4).reshape(hidden, 1, 3, 3)
    depthwise = Filter(weight, gain[:hidden], bias[:hidden], answer["stride"], answer["op"], 6)
    shape = (answer["batch"], answer["in_channels"], answer["height"], answer["width"])
    x = make_pattern(int(np.prod(shape)), 7).reshape(shape)
    return sum_up(fwht_bottleneck(x, layers[0], depthwise, layers[1], answer["residual"]))


def test_the_stored_answers_of_bottlenecks_are_the_references() -> None:
    source = PLUGINS / "fwht_bottleneck" / "cpu_self_check.cpp"
    answers = read_answers("kFwhtBottleneckAnswers", BOTTLENECK_FIELDS, source)
    assert {answer["op"] for answer, _ in answers} == {0, 1, 2, 3} and len(answers) == 6
    for answer, digest in answers:
        assert compute_bottleneck_digest(answer) == pytest.approx(digest, abs=1e-3), answer


def compute_plane_digest(answer: dict[str, int]) -> float:
    values = dict(answer)
    batch, channels, height, width, n = (values.pop(name) for name in PLANE_FIELDS[:5])
    x = make_pattern(batch * channels * height * width, 7).reshape(batch, channels, height, width)
    thresholds, scale = (make_pattern(n * n * answer["paths"], step) for step in (3, 11))
    gain, bias = make_pattern(channels, 5), make_pattern(channels, 13)
    return sum_up(fwht_2d(x, thresholds, scale, gain, bias, **values))


def test_the_stored_answers_of_two_dimensions_are_the_references() -> None:
    answers = read_answers("kFwht2dAnswers", PLANE_FIELDS, PLUGINS / "fwht_2d" / "cpu_self_check.cpp")
    assert {answer["n"] for answer, _ in answers} == {2, 4, 8, 16, 32, 64, 128}
    assert {answer["stride"] for answer, _ in answers} == {1, 2, 4}
    for answer, digest in answers:
        assert compute_plane_digest(answer) == pytest.approx(digest, abs=1e-3), answer


def compute_training_digest(answer: dict[str, int]) -> float:
    """Of Y and the three gradients, the maps with their channels last."""
    values = dict(answer)
    batch, channels, height, width, n = (values[name] for name in TRAINING_FIELDS[:5])
    run = TrainingRun(n, (height, width), batch, channels, **{name: values[name] for name in TRAINING_FIELDS[5:]})
    maps = {
        name: make_pattern(int(np.prod(shape)), step).reshape([shape[i] for i in (0, 2, 3, 1)]).transpose(0, 3, 1, 2)
        for name, shape, step in (("x", run.x_shape, 7), ("y_gradient", run.y_shape, 4))
    }
    weights = {name: make_pattern(n * n * run.paths, step) for name, step in (("thresholds", 3), ("scale", 11))}
    y, dx, *others = run.compute_references({**maps, **weights}).values()
    return sum_up(np.concatenate([put_last(y).ravel(), put_last(dx).ravel(), *others]))


def test_the_stored_answers_of_two_dimensions_in_training_are_the_references() -> None:
    source = PLUGINS / "fwht_2d" / "cpu_self_check.cpp"
    answers = read_answers("kFwht2dTrainingAnswers", TRAINING_FIELDS, source)
    assert {answer["apart"] for answer, _ in answers} == {0, 1} and len(answers) == 4
    for answer, digest in answers:
        assert compute_training_digest(answer) == pytest.approx(digest, abs=1e-3), answer


def test_every_instruction_set_passes() -> None:
    for name, library in native_libraries().items():
        assert library.text("instruction_set") == name
        assert library.text("self_check") is None
