"""Put measured figures into the README and some pages of docs/: python -m benchmarks.pages.renew [--renew [NAME ...]]

The tables between the markers are made of benchmarks/results/*.json, which `make bench` and others write to
build/bench/ (--renew takes from there those named, or all of `make bench`). A test compares them with the pages. The
raw samples stay in build/bench/; what is kept in the repository are medians, spread and conditions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import load_tables, noise_table, training_tables
from benchmarks.pages.results import RESULTS, result, table, where

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("fwht_node", "models", "server", "decoding", "restart", "throughput", "bulk")  # of `make bench`
RAW = ("samples_ms", "seen")  # every measurement; they stay in build/bench/
SHIPPED = ("mobilenet_v2", "fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")


def without_samples(value: Any) -> Any:
    """The same JSON value with every list of raw samples left out."""
    if isinstance(value, dict):
        return {key: without_samples(v) for key, v in value.items() if key not in RAW}
    return [without_samples(v) for v in value] if isinstance(value, list) else value


def renew_results(names: Sequence[str]) -> None:
    places = {name: ROOT / "build" / "bench" / f"{name}.json" for name in names}
    missing = [f"build/bench/{name}.json" for name, place in places.items() if not place.is_file()]
    if missing:
        raise SystemExit(f"not measured here: {', '.join(missing)}; name what to take over, as --renew accuracy")
    for name, place in places.items():
        result = without_samples(json.loads(place.read_text()))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def ms(times: dict[str, Any]) -> str:
    """Median and spread; three digits are all that such measurements carry."""
    return f"{times['median_ms']:.3g} ({times['p10_ms']:.3g} to {times['p90_ms']:.3g})"


def times() -> str:
    timed = {row["batch"]: row for row in result("models")["rows"]}
    rows = []
    for name in SHIPPED:
        speeds = [f"{ms(timed[n]['times'][name])}, {timed[n]['ratio'][name]:.2f}x" for n in (1, 16)]
        rows.append([f"`{name}`", *speeds])
    return table(["model", "ms at batch 1, times the baseline", "ms at batch 16"], rows)


def node() -> str:
    """The large layer, then those of the real models."""
    rows = result("fwht_node")["rows"]
    lines = []
    for row in rows:
        layer, times = row["layer"], row["times"]
        what = f"{layer['in_channels']} -> {layer['out_channels']}, n = {layer['n']}"
        shape = "x".join(map(str, row["input"]))
        speeds = [ms(times["convolution"]), ms(times["fwht_layer"]), f"{row['speedup']:.2f}x"]
        lines.append([row["name"], what, shape, *speeds])
    return table(["layer", "channels", "input", "convolution, ms", "FWHTLayer, ms", "as fast"], lines)


def overhead() -> str:
    rows = []
    for row in result("server")["rows"]:
        for kind, added in row["added_ms"].items():
            speeds = [ms(row["times"]["bare session"]), ms(row["times"][kind])]
            rows.append([f"`{row['model']}`", kind, *speeds, f"{added:.2f}"])
    return table(["model", "sent as", "bare session, ms", "HTTP, ms", "added, ms"], rows)


def decoding() -> str:
    rows = [
        [
            f"{row['bytes'] / 1e6:.1f} MB",
            *(ms(row["times"][side]) for side in ("plain", "server")),
            f"{row['share']:.2f}",
        ]
        for row in result("decoding")["rows"]
    ]
    return table(["12-megapixel JPEG", "plain decode + resize, ms", "the server's, ms", "share"], rows)


def rivals() -> str:
    """Each server at its best, and with which packages."""
    found = result("rivals")
    best = result("rivals_lone")["best"] + [row for row in found["best"] if row["concurrency"] > 1]
    figures = ("median_ms", "p99_ms", "requests_per_s", "cpu_ms")
    lines = [
        [str(row["concurrency"]), row["server"], *(f"{row[figure]:.3g}" for figure in figures), row["settings"]]
        for row in best
    ]
    head = ["connections", "server", "median, ms", "p99, ms", "requests/s", "CPU, ms a request", "settings"]
    return f"{table(head, lines)}\n\n{behind(best)}\n\n{packages(found['versions'])}"


def behind(rows: list[dict[str, Any]]) -> str:
    """Where another server is better than ours, and by how much."""
    figures = (("median_ms", "median", min), ("p99_ms", "p99", min), ("requests_per_s", "rate", max))
    found = []
    for ours in (row for row in rows if row["server"] == "ours"):
        others = [row for row in rows if row["concurrency"] == ours["concurrency"] and row is not ours]
        for figure, said, best in figures:
            row = best(others, key=lambda other: float(other[figure]))
            if best(row[figure], ours[figure]) == row[figure]:
                share = abs(row[figure] / ours[figure] - 1)
                found.append(f"{row['server']}'s {said} at {ours['concurrency']} by {share:.0%}")
    return f"Where ours is behind: {'; '.join(found)}." if found else "Ours is ahead in each of the three, everywhere."


def packages(versions: dict[str, dict[str, str]]) -> str:
    """Versions: what is alike everywhere, then each server's own; `plain` may share an environment, not its code."""
    rivals = {"litserve", "mlserver"}
    used = {
        server: {item for item in of.items() if item[0] not in rivals - {server}} for server, of in versions.items()
    }
    alike = set.intersection(*used.values())
    own = (f"{server}: {words(of - alike)}" for server, of in used.items())
    return f"{words(alike)} everywhere. {'; '.join(own)}."


def words(packages: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(packages))


def conditions() -> str:
    return (
        f"{where(result('models'))}. Medians, in brackets the 10th to the 90th percentile; the sides of a row in turns,"
        " in one run."
    )


def verdict() -> str:
    """The two ratios that matter, in words."""
    batch_1, batch_16 = (row["ratio"]["fwht_mobilenet_v2"] for row in result("models")["rows"])
    big = result("fwht_node")["rows"][0]["speedup"]
    return (
        f"**On a CPU the hybrids are smaller, not faster**: `fwht_mobilenet_v2` takes {batch_1:.2f} times as long as\n"
        f"the baseline at batch 1 and {batch_16:.2f} times at batch 16. Its layers meet maps of 8x8 and 4x4 pixels,\n"
        "where a convolution is one small product and a transform several passes. On a large tensor (1024 -> 1024\n"
        f"channels, 10x1024x32x32) the complete layer is {big:.2f} times as fast as the convolution with ReLU6."
    )


def answer() -> str:
    """A real answer, kept as docs/answer.json."""
    text = (ROOT / "docs" / "answer.json").read_text()
    return "    " + text.rstrip().replace("\n", "\n    ")


PARTS = {
    "answer": answer,
    "models": times,
    "verdict": verdict,
    "server": overhead,
    "decoding": decoding,
    "rivals": rivals,
    "layers": node,
    "conditions": conditions,
    **training_tables.PARTS,
    **load_tables.PARTS,
    **noise_table.PARTS,
}
# The parts that a page must have; others are renewed where their markers are
PAGES = {
    "README.md": ("answer", "accuracy", "models", "verdict", "server", "decoding", "layers", "conditions"),
    "docs/measurements.md": ("accuracy", "comparisons", "engines", "accuracy_conditions"),
    "docs/multiplication_free.md": ("mf_gradients", "mf_curves", "mf_conditions"),
    "docs/training.md": (),
    "docs/layers.md": ("layer_noise",),
}


def renewed(text: str, page: str = "README.md") -> str:
    """The page with every part between `<!-- NAME -->` and `<!-- /NAME -->` made anew."""
    for name, make in PARTS.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        head, found, rest = text.partition(start)
        _, closed, tail = rest.partition(end)
        if found and closed:
            text = f"{head}{start}\n{make()}\n{end}{tail}"
        elif found or name in PAGES[page]:
            raise SystemExit(f"{page} lacks the lines {start.strip()} and {end.strip()}")
    return text


def main() -> None:
    if sys.argv[1:2] == ["--renew"]:
        renew_results(sys.argv[2:] or NAMES)
    for page in PAGES:
        path = ROOT / page
        path.write_text(renewed(path.read_text(), page))


if __name__ == "__main__":
    main()
