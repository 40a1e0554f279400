"""Put measured figures into the README: python -m benchmarks.readme [--renew]

The tables between the markers are made of benchmarks/results/*.json, which `make bench` writes to build/bench/ (--renew
takes them from there), and of the cards in models/. A test compares them with the README. The raw samples stay in
build/bench/; what is kept in the repository are medians, spread and conditions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NAMES = ("fwht_node", "models", "server", "decoding", "rivals")
SHIPPED = ("mobilenet_v2", "fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")


def without_samples(value: Any) -> Any:
    """The same JSON value with every list of raw samples left out."""
    if isinstance(value, dict):
        return {key: without_samples(v) for key, v in value.items() if key != "samples_ms"}
    return [without_samples(v) for v in value] if isinstance(value, list) else value


def renew_results() -> None:
    for name in NAMES:
        result = without_samples(json.loads((ROOT / "build" / "bench" / f"{name}.json").read_text()))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def result(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ms(times: dict[str, Any]) -> str:
    """Median and spread; three digits are all that such measurements carry."""
    return f"{times['median_ms']:.3g} ({times['p10_ms']:.3g} to {times['p90_ms']:.3g})"


def accuracy() -> str:
    timed = {row["batch"]: row for row in result("models")["rows"]}
    rows = []
    for name in SHIPPED:
        card = json.loads((ROOT / "models" / f"{name}.json").read_text())
        size = (ROOT / "models" / f"{name}.onnx").stat().st_size / 1e6
        speeds = [f"{ms(timed[n]['times'][name])}, {timed[n]['ratio'][name]:.2f}x" for n in (1, 16)]
        rows.append(
            [f"`{name}`", f"{card['parameters']:,}", f"{card['accuracy']['top1']:.2%}", f"{size:.1f} MB", *speeds]
        )
    head = ["model", "parameters", "test accuracy", "ONNX", "ms at batch 1, times the baseline", "ms at batch 16"]
    return table(head, rows)


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
    figures = ("median_ms", "p99_ms", "requests_per_s", "cpu_ms")
    lines = [
        [str(row["concurrency"]), row["server"], *(f"{row[figure]:.3g}" for figure in figures), row["settings"]]
        for row in found["best"]
    ]
    head = ["connections", "server", "median, ms", "p99, ms", "requests/s", "CPU, ms a request", "settings"]
    packages = "; ".join(
        f"{server}: {', '.join(f'{name} {version}' for name, version in versions.items())}"
        for server, versions in found["versions"].items()
    )
    return f"{table(head, lines)}\n\n{packages}."


def conditions() -> str:
    machine = result("models")["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    return (
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {packages};"
        f" {machine['time'][:10]}. Medians, in brackets the 10th to the 90th percentile; the sides of a row in turns,"
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
    "models": accuracy,
    "verdict": verdict,
    "server": overhead,
    "decoding": decoding,
    "rivals": rivals,
    "layers": node,
    "conditions": conditions,
}


def renewed(readme: str) -> str:
    """The README with every part between `<!-- NAME -->` and `<!-- /NAME -->` made anew."""
    for name, make in PARTS.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        head, found, rest = readme.partition(start)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"README.md lacks the lines {start.strip()} and {end.strip()}")
        readme = f"{head}{start}\n{make()}\n{end}{tail}"
    return readme


def main() -> None:
    if "--renew" in sys.argv[1:]:
        renew_results()
    path = ROOT / "README.md"
    path.write_text(renewed(path.read_text()))


if __name__ == "__main__":
    main()
