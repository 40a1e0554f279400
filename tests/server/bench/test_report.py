"""The numbers of a load, and their table."""

from __future__ import annotations

import json

from server.bench.load import Outcomes, Plan
from server.bench.report import format_report, make_report, percentile, summarise_latency


def outcomes() -> Outcomes:
    made = Outcomes(late=2, seconds=2.0)
    for milliseconds in range(1, 101):
        made.add("200", float(milliseconds))
    made.add("503", 0.5)
    return made


def test_percentiles_are_measured_values() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [percentile(ordered, share) for share in (0, 50, 90, 99, 99.9, 100)] == [1, 50, 90, 99, 100, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99.9) == 7


def test_latency() -> None:
    found = summarise_latency([3.0, 1.0, 2.0])
    assert (found["count"], found["mean"], found["min"], found["p50"], found["max"]) == (3, 2, 1, 2, 3)
    assert summarise_latency([]) == {"count": 0}


def test_report() -> None:
    found = make_report("http://nano", [b"1234", b"12"], 4, Plan(concurrency=8, rate=50), outcomes())
    assert (found["requests"], found["failed"], found["late"]) == (101, 1, 2)
    assert (found["requests_per_s"], found["images_per_s"]) == (50, 200)
    assert found["request_bytes_mean"] == 3 and found["images_per_request"] == 4
    assert found["latency_ms"]["p99"] == 99 and found["errors"]["503"]["count"] == 1
    assert found["client"]["cores"] >= 1
    json.dumps(found)


def test_table() -> None:
    shown = format_report(make_report("http://nano", [b"1"], 1, Plan(concurrency=8, rate=50), outcomes()))
    assert "answered 100 of 101: 50.0 requests/s" in shown
    assert "p99.9 100.00" in shown and "failed: 503" in shown and "2 requests waited" in shown


def test_table_of_nothing_answered() -> None:
    made = Outcomes(seconds=1.0)
    made.add("connection", 1.0)
    shown = format_report(make_report("http://nano", [b"1"], 1, Plan(), made))
    assert "answered 0 of 1: 0.0 requests/s" in shown and "latency ms" not in shown
    assert "as fast as answered" in shown and "failed: connection" in shown
