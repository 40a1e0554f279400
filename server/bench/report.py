"""What a load found, in numbers and as a table."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any, Dict, List, Sequence

from .. import __version__
from ..profiling.machine import describe_machine
from .load import Outcomes, Plan

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


def make_report(url: str, requests: Sequence[bytes], images: int, plan: Plan, outcomes: Outcomes) -> Dict[str, Any]:
    """The result as JSON; latencies in milliseconds, rates per second. `images` is how many there are per request."""
    answered = len(outcomes.good) / outcomes.seconds
    return {
        "url": url,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "client": {"version": __version__, **describe_machine()},
        "concurrency": plan.concurrency,
        "rate": plan.rate,
        "seconds": round(outcomes.seconds, 3),
        "different_requests": len(requests),
        "request_bytes_mean": round(sum(map(len, requests)) / len(requests)),
        "images_per_request": images,
        "requests": len(outcomes.good) + outcomes.failed,
        "failed": outcomes.failed,
        "late": outcomes.late,
        "requests_per_s": round(answered, 2),
        "images_per_s": round(answered * images, 2),
        "latency_ms": summarise_latency(outcomes.good),
        "errors": {
            name: summarise_latency(times) for name, times in sorted(outcomes.latencies.items()) if name != "200"
        },
    }


def summarise_latency(milliseconds: Sequence[float]) -> Dict[str, Any]:
    """Count, mean, extremes and percentiles; no more than the count where there is none.

    A percentile is the nearest rank, a latency that was measured: nothing is interpolated.
    """
    ordered = sorted(milliseconds)
    if not ordered:
        return {"count": 0}
    result = {"count": len(ordered), "mean": sum(ordered) / len(ordered), "min": ordered[0]}
    result.update({f"p{share:g}": percentile(ordered, share) for share in PERCENTILES})
    result["max"] = ordered[-1]
    return {name: value if name == "count" else round(value, 3) for name, value in result.items()}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that `share` per cent of them do not exceed. `ordered` is sorted and not empty."""
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def format_report(result: Dict[str, Any]) -> str:
    """The report for people."""
    pace = f"{result['rate']:g} requests/s" if result["rate"] else "as fast as answered"
    lines: List[str] = [
        f"{result['url']}: {result['concurrency']} connections, {pace}, {result['seconds']:.1f} s,"
        f" {result['images_per_request']} image(s) a request of {result['request_bytes_mean']:,} bytes",
        f"answered {result['requests'] - result['failed']:,} of {result['requests']:,}:"
        f" {result['requests_per_s']:,.1f} requests/s, {result['images_per_s']:,.1f} images/s",
    ]
    lines += format_row("latency ms", result["latency_ms"])
    for name, times in result["errors"].items():
        lines += format_row(f"failed: {name}", times)
    if result["late"]:
        lines.append(f"{result['late']:,} requests waited for a free connection: more connections, or a lower rate")
    return "\n".join(lines)


def format_row(name: str, times: Dict[str, Any]) -> List[str]:
    if not times["count"]:
        return []
    values = "  ".join(f"{key} {value:.2f}" for key, value in times.items() if key != "count")
    return [f"{name}: {values}  ({times['count']:,})"]
