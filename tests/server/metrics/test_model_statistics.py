"""Sums of requests and runs."""

from __future__ import annotations

from server.metrics.model_statistics import ModelStatistics

TIMINGS = {"decode": 1.0, "preprocess": 2.0, "queue": 4.0, "inference": 8.0, "postprocess": 16.0, "total": 32.0}


def test_nothing_yet() -> None:
    told = ModelStatistics().to_json()
    assert told["last_inference"] == told["inference_count"] == told["execution_count"] == 0
    assert told["inference_stats"]["success"] == {"count": 0, "ns": 0} and told["batch_stats"] == []


def test_two_requests_in_one_run_and_one_that_failed() -> None:
    statistics = ModelStatistics()
    statistics.add_success(1, TIMINGS)
    statistics.add_success(3, TIMINGS)
    statistics.add_failure(0.5)
    statistics.add_run(4, 8.0)
    told = statistics.to_json()
    assert (told["inference_count"], told["execution_count"]) == (4, 1)
    assert told["last_inference"] > 1_600_000_000_000  # milliseconds
    parts = {name: part["ns"] for name, part in told["inference_stats"].items()}
    assert parts == {
        "success": 64_000_000,
        "fail": 500_000,
        "queue": 8_000_000,
        "compute_input": 6_000_000,
        "compute_infer": 16_000_000,
        "compute_output": 32_000_000,
        "cache_hit": 0,
        "cache_miss": 0,
    }
    (run,) = told["batch_stats"]
    assert run["batch_size"] == 4 and run["compute_infer"] == {"count": 1, "ns": 8_000_000}
