"""The table of other servers beside ours, made of the results of benchmarks/serving/rivals.py."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import read_result


def make_rival_table() -> str:
    """Each server at its best, where another is better than ours, and with which packages."""
    found = read_result("rivals")
    best = read_result("rivals_lone")["best"] + [row for row in found["best"] if row["concurrency"] > 1]
    figures = ("median_ms", "p99_ms", "requests_per_s", "cpu_ms")
    lines = [
        [str(row["concurrency"]), row["server"], *(f"{row[figure]:.3g}" for figure in figures), row["settings"]]
        for row in best
    ]
    head = ["connections", "server", "median, ms", "p99, ms", "requests/s", "CPU, ms a request", "settings"]
    return f"{make_table(head, lines)}\n\n{compare_with_ours(best)}\n\n{list_packages(found['versions'])}"


def compare_with_ours(rows: list[dict[str, Any]]) -> str:
    """Where another server is better than ours, and by how much."""
    figures = (("median_ms", "median", min), ("p99_ms", "p99", min), ("requests_per_s", "rate", max))
    found = []
    for ours in (row for row in rows if row["server"] == "ours"):
        others = [row for row in rows if row["concurrency"] == ours["concurrency"] and row is not ours]
        for figure, word, best in figures:
            row = best(others, key=lambda other: float(other[figure]))
            if best(row[figure], ours[figure]) == row[figure]:
                share = abs(row[figure] / ours[figure] - 1)
                found.append(f"{row['server']}'s {word} at {ours['concurrency']} by {share:.0%}")
    return f"Where ours is behind: {'; '.join(found)}." if found else "Ours is ahead in each of the three, everywhere."


def list_packages(versions: dict[str, dict[str, str]]) -> str:
    """Versions: what is alike everywhere, then each server's own; `plain` may share an environment, not its code."""
    rivals = {"litserve", "mlserver"}
    used = {
        server: {item for item in of.items() if item[0] not in rivals - {server}} for server, of in versions.items()
    }
    alike = set.intersection(*used.values())
    own = (f"{server}: {format_versions(of - alike)}" for server, of in used.items())
    return f"{format_versions(alike)} everywhere. {'; '.join(own)}."


def format_versions(packages: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(packages))


PARTS = {"rivals": make_rival_table}
