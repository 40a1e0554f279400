"""The table of docs/layers.md, made by renew.py of the results of benchmarks/kernels/layer_noise.py."""

from __future__ import annotations

from benchmarks.pages.results import result, table, where


def layer_noise() -> str:
    found = result("layer_noise")
    said = {"in_turns": "in turns", "two_files": "two files, measured one right after the other"}
    rows = []
    for key, name in said.items():
        one = found[key]
        above = [str(one["above"][limit]) for limit in ("0.0", "0.05", "0.1")]
        rows.append([name, str(one["comparisons"]), *above, str(one["not_judged"])])
    head = ["", "comparisons", "above 0%", "above 5%", "above 10%", "not judged, as noisy"]
    return f"{table(head, rows)}\n\n{where(found)}."


PARTS = {"layer_noise": layer_noise}
