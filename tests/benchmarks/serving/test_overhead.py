"""What each stage adds, measured in short: all ways give the same label, and every figure is there."""

from __future__ import annotations

import argparse

from benchmarks.serving.overhead import measure


def test_on_onnx_runtime() -> None:
    options = argparse.Namespace(
        model="fwht_mobilenet_v2", backend="onnxruntime", precision="auto", rounds=1, seconds=0.1
    )
    found = measure(options)
    assert (found["backend"], found["label"]) == ("onnxruntime", "cat")
    assert list(found["times"]) == ["bare engine", "in process", "raw body", "form"]
    assert all(times["median_ms"] > 0 and times["cpu_ms"] >= 0 for times in found["times"].values())
