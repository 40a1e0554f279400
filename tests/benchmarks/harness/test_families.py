"""Every hybrid's baseline is a model of its own."""

from __future__ import annotations

from benchmarks.harness.families import find_baseline
from export.models import MODELS


def test_baselines_of_all_models() -> None:
    found = {name: find_baseline(name) for name in MODELS}
    assert set(found.values()) <= set(MODELS)
    assert {name for name, baseline in found.items() if name != baseline} == {
        name for name in MODELS if name.startswith("fwht")
    }
    assert found["fwht2d_resnet20"] == found["fwht2d_resnet20_p5"] == "resnet20"
    assert found["fwht_soft3_mobilenet_v2"] == found["fwht_mobilenet_v2_slim"] == "mobilenet_v2"
    assert find_baseline("fwht2d_resnet20_p3-1") == "resnet20-1" == find_baseline("resnet20-1")
    assert find_baseline("fwht_mobilenet_v2_slim-12") == "mobilenet_v2-12"
    assert find_baseline("flowers") == "flowers" and find_baseline("mobilenet_v2_w050") == "mobilenet_v2_w050"
