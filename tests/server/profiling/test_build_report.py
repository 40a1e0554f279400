"""The arithmetic of the layer report."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from server.errors import Busy
from server.profiling.build_report import ReportLayer, build_report, one_profile_at_a_time

STEM, HEAD = ReportLayer("stem", "Conv", ["stem", "stem_relu6"]), ReportLayer("head", "FWHTLayer", ["head"])
REORDER = ReportLayer("stem -> head", "ReorderOutput", [])
LAYERS = [STEM, REORDER, HEAD, HEAD]
KERNEL_MS = np.array([[1.0, 0.1, 2.0, 1.0], [1.2, 0.1, 2.0, 1.2], [9.0, 0.1, 2.0, 1.4]])


def test_medians_by_layer_in_order() -> None:
    report = build_report(LAYERS, KERNEL_MS, np.array([4.2, 4.6, 12.6]), np.array([4.3, 4.4, 4.5]), {"batch": 1})
    assert [item["name"] for item in report["items"]] == ["stem", "stem -> head", "head"]
    stem, reorder, head = report["items"]
    assert (stem["ms"], reorder["ms"], head["ms"]) == (1.2, 0.1, 3.2)
    assert stem["onnx_nodes"] == ["stem", "stem_relu6"] and reorder["onnx_nodes"] == []
    assert stem["ms_p10"] == pytest.approx(1.04) and stem["ms_p90"] == pytest.approx(7.44)
    assert report["sum_ms"] == pytest.approx(4.4) and report["unattributed_ms"] == 0.1
    assert report["latency_ms"] == 4.4 and report["profiled_ms"] == 4.6
    assert report["runs"] == 3 and report["schema"] == 1 and report["conditions"] == {"batch": 1}
    assert sum(item["share"] for item in report["items"]) == pytest.approx(1, abs=0.001)
    assert "note" not in report


def test_a_gap_is_explained() -> None:
    total = KERNEL_MS.sum(axis=1) + 1
    note = build_report(LAYERS, KERNEL_MS, total, np.array([4.0]), {})["note"]
    assert "sum_ms + unattributed_ms is 4.500 ms, 18% less than profiled_ms" in note
    assert "1.000 ms of a run lie between the kernels" in note
    assert "4.000 to 5.180 ms (10th percentiles), by 295.0 us for each of 4 kernels" in note


def test_one_profile_at_a_time() -> None:
    refused = []

    def second() -> None:
        with pytest.raises(Busy) as caught, one_profile_at_a_time():
            pass
        refused.append(caught.value.retry_after)

    with one_profile_at_a_time():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert refused == [1]
    with pytest.raises(ValueError), one_profile_at_a_time():
        raise ValueError
    with one_profile_at_a_time():  # given back after an error
        pass
