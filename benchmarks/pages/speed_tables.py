"""Tables of times, made of the results of `make bench`."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import describe_machine, read_result

SHIPPED = ("mobilenet_v2", "fwht_mobilenet_v2", "fwht_mobilenet_v2_slim", "fwht_mf_mobilenet_v2")


def format_times(times: dict[str, Any]) -> str:
    """Median and spread; three digits are all that such measurements carry."""
    return f"{times['median_ms']:.3g} ({times['p10_ms']:.3g} to {times['p90_ms']:.3g})"


def make_model_table() -> str:
    """Every shipped model on one core, at two batch sizes."""
    measured = read_result("models")
    by_batch = {row["batch"]: row for row in measured["rows"]}
    rows = []
    for name in by_batch[1]["times"]:
        speeds = [f"{format_times(by_batch[n]['times'][name])}, {by_batch[n]['ratio'][name]:.2f}x" for n in (1, 16)]
        rows.append([f"`{name}`", *speeds])
    kernels = measured["instruction_set"].replace("avx", "AVX")
    return make_table(["model", f"ms for one image, {kernels}; times `{SHIPPED[0]}`", "ms for 16 images"], rows)


def make_node_table() -> str:
    """The large layer, then those of the real models."""
    rows = []
    for row in read_result("fwht_node")["rows"]:
        layer, times = row["layer"], row["times"]
        channels = f"{layer['in_channels']} -> {layer['out_channels']}, n = {layer['n']}"
        shape = "x".join(map(str, row["input"]))
        speeds = [format_times(times["convolution"]), format_times(times["fwht_layer"]), f"{row['speedup']:.2f}x"]
        rows.append([row["name"], channels, shape, *speeds])
    return make_table(["layer", "channels", "input", "convolution, ms", "FWHTLayer, ms", "as fast"], rows)


def make_overhead_table() -> str:
    """What HTTP adds to a bare run."""
    rows = []
    for row in read_result("server")["rows"]:
        for kind, added in row["added_ms"].items():
            speeds = [format_times(row["times"]["bare session"]), format_times(row["times"][kind])]
            rows.append([f"`{row['model']}`", kind, *speeds, f"{added:.2f}"])
    return make_table(["model", "sent as", "bare session, ms", "HTTP, ms", "added, ms"], rows)


def make_decoding_table() -> str:
    rows = []
    for row in read_result("decoding")["rows"]:
        speeds = [format_times(row["times"][side]) for side in ("plain", "server")]
        rows.append([f"{row['bytes'] / 1e6:.1f} MB", *speeds, f"{row['share']:.2f}"])
    return make_table(["12-megapixel JPEG", "plain decode + resize, ms", "the server's, ms", "share"], rows)


def describe_conditions() -> str:
    return (
        f"{describe_machine(read_result('models'))}. Medians, in brackets the 10th to the 90th percentile; the sides of"
        " a row in turns, in one run."
    )


PARTS = {
    "models": make_model_table,
    "server": make_overhead_table,
    "decoding": make_decoding_table,
    "layers": make_node_table,
    "conditions": describe_conditions,
}
