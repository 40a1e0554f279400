"""The table of docs/layers.md, made of the results of benchmarks/kernels/layer_noise.py."""

from __future__ import annotations

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import describe_machine, read_result


def make_noise_table() -> str:
    found = read_result("layer_noise")
    titles = {"in_turns": "in turns", "two_files": "two files, measured one right after the other"}
    rows = []
    for key, name in titles.items():
        one = found[key]
        above = [str(one["above"][limit]) for limit in ("0.0", "0.05", "0.1")]
        rows.append([name, str(one["comparisons"]), *above, str(one["not_judged"])])
    head = ["", "comparisons", "above 0%", "above 5%", "above 10%", "not judged, as noisy"]
    return f"{make_table(head, rows)}\n\n{describe_machine(found)}."


PARTS = {"layer_noise": make_noise_table}
