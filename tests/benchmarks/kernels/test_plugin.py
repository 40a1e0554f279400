"""The bounds of the plugin's benchmarks, judged on given results."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from benchmarks.kernels.plugin import PARTS, judge_copy, judge_engines, judge_torch


def engine_row(name: str, batch: int, precision: str, speedup: float, kernels: int = 1) -> dict[str, Any]:
    engines = {"layer": {"launches": {"kernels": kernels, "others": 0}}}
    shape = [batch, 160, 4, 4]
    ratios = {"speedup": speedup, "profiled_speedup": speedup}
    return {"name": name, "input": shape, "precision": precision, "engines": engines, **ratios}


def test_a_copy_is_the_floor() -> None:
    rows = [{"format": "float32", "times_the_copy": 1.10}, {"format": "float16 HWC8", "times_the_copy": 1.26}]
    assert [one.passed for one in judge_copy({"rows": rows})] == [True, False]


def test_over_cudnn() -> None:
    against = {"convolution float32": 15.0, "convolution TF32": 2.0, "convolution float16": 1.7}
    for faster, passed in ((1.0, True), (0.99, False)):
        rows = [{"layer": "layer", "against": name, "speedup": s * faster} for name, s in against.items()]
        assert [one.passed for one in judge_torch({"rows": rows})] == [passed] * 3


def test_in_tensorrt() -> None:
    rows = [
        engine_row("1024 -> 1024", 10, "float32", 3.4),
        engine_row("1024 -> 1024", 10, "float16", 2.3),
        engine_row("blocks.15.expand", 1, "float32", 1 / 1.2),
        engine_row("blocks.15.expand", 16, "float32", 1 / 1.2),
        engine_row("blocks.15.expand", 16, "float32", 1.1, kernels=2),
    ]
    by_row = [[one.passed for one in judge_engines({"rows": [row]})] for row in rows]
    assert by_row == [[False], [True], [True, True, True], [False, False, True], [True, True, False]]


def test_every_part_is_a_module() -> None:
    assert all(find_spec(f"benchmarks.kernels.{name}") for name in PARTS)
