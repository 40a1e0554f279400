"""The table of what holds under load, made of the results of `make bench` and `make soak`."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import RESULTS, read_result

MIB = 1 << 20


def make_bounds_table() -> str:
    """A row for each measurement whose result is there."""
    rows = [make_row() for name, make_row in ROWS if (RESULTS / f"{name}.json").exists()]
    return make_table(["load or fault", "required", "measured"], rows)


def make_overload_row() -> list[str]:
    found = read_result("overload")
    none = {"count": 0, "max": 0.0, "p50": 0.0}
    good, late, busy = (found["outcomes"].get(status, none) for status in ("200", "504", "503"))
    return [
        f"twice the sustainable rate ({found['asked_per_s']:.0f}/s) for {found['seconds'] / 60:.0f} minutes",
        "accepted requests within their deadline, the rest 503 at once, memory flat, full speed 2 s later",
        f"{good['count']:,} answered, the slowest after {good['max'] / 1000:.2f} s; {late['count']:,} past the"
        f" deadline; {busy['count']:,} refused, half of them within {busy['p50']:.1f} ms; memory"
        f" {found['memory_bytes_per_minute'] / 1024:+.0f} KiB a minute; then"
        f" {found['after_per_s'] / found['sustainable_per_s']:.0%} of the speed",
    ]


def make_restart_row() -> list[str]:
    found = read_result("restart")
    away, load = (found[key]["p90_ms"] / 1000 for key in ("away", "load"))
    asked = f"ready within {found['limit_s']:.0f} s and the model's load"
    return ["`kill -9`, started again", asked, f"{away:.2f} s, of which the load is {load:.2f} s (nine of ten)"]


def make_fuzz_row() -> list[str]:
    found = read_result("fuzz")
    parts: list[dict[str, Any]] = [found["images"], found["tensors"]]
    problems = sum(len(part["problems"]) for part in parts)
    slowest = max(part["slowest_s"] for part in parts)
    growth = max(part["memory_bytes"][-1] - part["memory_bytes"][len(part["memory_bytes"]) // 5] for part in parts)
    memory = f"memory {round(growth / MIB):+d} MiB after the first fifth"
    return [
        f"{parts[0]['requests']:,} broken images, {parts[1]['requests']:,} broken tensors",
        "no 5xx, none takes 2 s, memory flat",
        f"{problems} problems, the slowest took {slowest:.2f} s, {memory}",
    ]


def make_throughput_row() -> list[str]:
    found = read_result("throughput")
    batches = (f"{max(row['share'] for row in entry['rows']):.0%} at {entry['batch']}" for entry in found["found"])
    singles = (f"{entry['rows'][0]['share']:.0%}" for entry in found["found"])
    return [
        f"an engine that takes {found['ms_per_batch']:.0f} ms a batch ({found['way']}),"
        f" {found['connections']} connections",
        "90 % of the bare loop's images a second",
        f"{', '.join(batches)} images a batch; with an image a request {', '.join(singles)}",
    ]


def make_bulk_row() -> list[str]:
    found = read_result("bulk")
    asked = f"85 % of the bare session's images a second, in batches of {found['batch']}"
    work, whole = (f"{found['shares'][key]:.0%}" for key in ("work", "whole"))
    reached = f"{work} of {found['per_s']['bare']:.0f}/s; {whole} with Ray's start"
    return [f"a bulk run of {found['images']:,} images", asked, reached]


def make_bulk_kills_row() -> list[str]:
    found = read_result("bulk_kills")
    wrong = len(found["problems"])
    return [
        f"a bulk run of {found['images']:,} images, killed {len(found['events'])} times",
        "every image once",
        f"every image once, {found['bad']} bad ones with the reason" if not wrong else f"{wrong} problems",
    ]


def make_killed_server_row() -> list[str]:
    found = _find_rolling_row("kill")
    return [
        f"two servers behind nginx, one killed {found['events']} times under load",
        "only what is in flight on it is lost",
        f"{len(found['lost'])} of {found['asked']:,} requests lost",
    ]


def make_rolling_restart_row() -> list[str]:
    found = _find_rolling_row("rolling")
    lost = f"{len(found['lost'])} of {found['asked']:,} requests lost"
    return [f"both restarted in turn, {found['events']} times", "none is lost", lost]


def _find_rolling_row(kind: str) -> dict[str, Any]:
    return next(row for row in read_result("rolling")["rows"] if row["kind"] == kind)


ROWS = (  # the result of each row, and what makes the row of it
    ("overload", make_overload_row),
    ("restart", make_restart_row),
    ("fuzz", make_fuzz_row),
    ("throughput", make_throughput_row),
    ("bulk", make_bulk_row),
    ("bulk_kills", make_bulk_kills_row),
    ("rolling", make_killed_server_row),
    ("rolling", make_rolling_restart_row),
)
PARTS = {"bounds": make_bounds_table}
