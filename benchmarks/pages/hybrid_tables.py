"""Tables of the hybrids as users meet them: over HTTP, in bulk, and beside OpenVINO; what was not measured is said."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import RESULTS, describe_machine, read_result
from benchmarks.pages.speed_tables import SHIPPED, format_times

OPENVINO_RUNS = ("openvino_1", "openvino_2")
ENGINE = "openvino"


def is_there(name: str) -> bool:
    return (RESULTS / f"{name}.json").is_file()


def name_side(side: str) -> str:
    """A side in words: the model as code, and what runs it."""
    model, _, body = side.partition(" (")
    return f"`{model}`" + (f", {body[:-1]}" if body else ", native kernels" if model in SHIPPED[1:] else "")


def make_openvino_table() -> str:
    """Baseline and large convolution in OpenVINO beside ours, in runs of one thread and of all."""
    results = [read_result(name) for name in OPENVINO_RUNS if is_there(name)]
    if not results:
        return "Not measured yet: `python -m benchmarks.kernels.beside_openvino --threads 1`, and 2."
    models = ["batch, threads", f"`{SHIPPED[0]}`, ms", *(f"`{name}`" for name in SHIPPED[1:])]
    layer = ["large layer, threads", "convolution, ms", "FWHT layer"]
    tables = [
        make_table([*head, "OpenVINO", "our fastest against it"], list_openvino_rows(results, part))
        for part, head in (("models", models), ("layer", layer))
    ]
    said = (
        f"OpenVINO {results[0]['openvino']}, kernels {results[0]['instruction_set']}. {describe_machine(results[0])}."
    )
    return "\n\n".join([*tables, said])


def list_openvino_rows(results: list[dict[str, Any]], part: str) -> list[list[str]]:
    rows = []
    for result in results:
        for row in result["parts"][part]:
            shares = {side: ratio["median"] for side, ratio in row["ratios"].items()}
            ours = min(share for side, share in shares.items() if side not in (row["base"], ENGINE))
            cells = [f"{format_times(row['times'][side])}, {share:.2f}x" for side, share in shares.items()]
            name = "x".join(map(str, row["input"])) if part == "layer" else row["name"]
            rows.append([f"{name}, {result['threads']}", *cells, "below" if ours < shares[ENGINE] else "**not below**"])
    return rows


def make_http_table() -> str:
    """Medians over many starts of servers, by settings and connections."""
    if not is_there("hybrids_http"):
        return "Not measured yet: `python -m benchmarks.serving.hybrids --parts http`."
    result = read_result("hybrids_http")
    rows = []
    for row in result["rows"]:
        cells = [format_side(side, "ms") for side in row["sides"].values()]
        rows.append([str(row["connections"]), row["settings"], *cells])
    head = ["connections", "settings", *(name_side(side) for side in result["rows"][0]["sides"])]
    said = f"Medians of {result['rounds']} starts of each server, lowest and highest. {describe_machine(result)}."
    return f"{make_table(head, rows)}\n\n{said}"


def make_bulk_table() -> str:
    if not is_there("hybrids_bulk"):
        return "Not measured yet: `python -m benchmarks.serving.hybrids --parts bulk`."
    result = read_result("hybrids_bulk")
    cells = [format_side(side, "/s") for side in result["sides"].values()]
    table = make_table([name_side(side) for side in result["sides"]], [cells])
    said = f"{result['images']:,} images, {result['batch']} a run, medians of {result['rounds']} runs each"
    return f"{table}\n\n{said}. {describe_machine(result)}."


def format_side(side: dict[str, Any], unit: str) -> str:
    return f"{side['median']:.3g} {unit} ({side['low']:.3g} to {side['high']:.3g}), {side['share']:.2f}x"


def describe_users() -> list[str]:
    """Sentences for README, of the results that are there."""
    sentences = []
    if is_there("hybrids_http"):
        row = next(row for row in read_result("hybrids_http")["rows"] if row["connections"] == 1)
        base, hybrid = (row["sides"][name]["median"] for name in SHIPPED[:2])
        sentences.append(f"Over HTTP, one client: {hybrid:.3g} ms against {base:.3g}.")
    if is_there("hybrids_bulk"):
        sides = read_result("hybrids_bulk")["sides"]
        base, hybrid = (sides[name]["median"] for name in SHIPPED[:2])
        sentences.append(f"In bulk: {hybrid:.0f} images a second against {base:.0f}.")
    shares = [
        row["ratios"][side]["median"]
        for name in OPENVINO_RUNS
        if is_there(name)
        for row in read_result(name)["parts"]["models"]
        for side in (SHIPPED[1], ENGINE)
    ]
    if shares:
        hybrid, other = (format_range(values) for values in (shares[::2], shares[1::2]))
        sentences.append(f"The baseline in OpenVINO takes {other} times that in ONNX Runtime, the hybrid {hybrid}.")
    return sentences


def format_range(values: list[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


PARTS = {"openvino": make_openvino_table, "hybrids_http": make_http_table, "hybrids_bulk": make_bulk_table}
