"""Tables of the native CPU kernels, made of the results of benchmarks/kernels/cpu_layers.py, and what was required."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from benchmarks.harness.markdown import make_table
from benchmarks.pages.results import describe_machine, read_result
from benchmarks.pages.speed_tables import SHIPPED, format_times

# instruction set and threads of the sessions
CPU_RUNS = ("cpu_layers_avx2_1", "cpu_layers_avx512_1", "cpu_layers_avx2_2", "cpu_layers_avx512_2")
BODY = "{} (function body)"
COMMAND = "python -m benchmarks.kernels.cpu_layers"


def name_run(result: dict[str, Any]) -> str:
    return f"{result['instruction_set']}, {result['threads']}"


def list_rows(result: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """The rows of one part; none where the run did not have it."""
    return list(result["parts"].get(part, []))


def say_missing(part: str) -> str:
    return f"Not measured yet: `{COMMAND} --parts layers,thresholds,direct,models` has `{part}`."


def make_model_table() -> str:
    """Whole models with the native kernels, and with function bodies in brackets, as shares of the baseline's time."""
    head, rows = ["kernels, threads"], []
    for result in map(read_result, CPU_RUNS):
        cells = [name_run(result)]
        for row in list_rows(result, "models"):
            cells.append(format_times(row["times"][SHIPPED[0]]))
            for model in SHIPPED[1:]:
                native, body = (row["ratios"][side]["median"] for side in (model, BODY.format(model)))
                cells.append(f"{native:.2f}x ({body:.2f}x)")
        rows.append(cells)
    for batch in (1, 16):
        head += [f"`{SHIPPED[0]}`, batch {batch}, ms", *(f"`{model}`" for model in SHIPPED[1:])]
    return make_table(head, rows)


def count_as_fast(row: dict[str, Any]) -> float:
    """How many times as fast as the convolution the FWHT layer is, by medians."""
    return 1 / float(row["ratios"]["fwht_layer"]["median"])


def make_layer_table() -> str:
    """Every layer against its convolution, in every run that has them."""
    runs = [(name_run(result), list_rows(result, "layers")) for result in map(read_result, CPU_RUNS)]
    runs = [(name, rows) for name, rows in runs if rows]
    if not runs:
        return say_missing("layers")
    table = []
    for number, first in enumerate(runs[0][1]):
        table.append([first["name"], "x".join(map(str, first["input"]))])
        for _, rows in runs:
            time = rows[number]["times"]["fwht_layer"]
            table[-1].append(f"{time['median_ms']:.3g} ms, {count_as_fast(rows[number]):.2f}x")
    return make_table(["layer", "input", *(name for name, _ in runs)], table)


def make_threshold_table() -> str:
    """One soft path and three as shares of one smooth path's time: in a session at batch 1, and in the kernel alone."""
    results = list(map(read_result, CPU_RUNS))
    if not any(list_rows(result, "thresholds") for result in results):
        return say_missing("thresholds")
    table: dict[tuple[str, str], list[str]] = {}
    for part, kind in (("thresholds", ""), ("direct", ", kernel alone")):
        for number, result in enumerate(results):
            for row in list_rows(result, part):
                cells = table.setdefault((row["name"] + kind, "x".join(map(str, row["input"]))), [""] * len(results))
                cells[number] = f"{row['ratios']['soft']['median']:.2f}, {row['ratios']['three_soft']['median']:.2f}"
    head = ["layer", "input", *(f"{name_run(result)}: one, three soft" for result in results)]
    return make_table(head, [[*key, *cells] for key, cells in table.items()])


@dataclass(frozen=True)
class Bound:
    """A requirement. part: of the result; find: the figure of a row, None where the row is of another requirement;
    goal: None where there is none."""

    text: str
    part: str
    find: Callable[[dict[str, Any]], float | None]
    required: float
    goal: float | None = None
    least: bool = False  # the figure must be at least that, else at most

    def judge(self, result: dict[str, Any]) -> str:
        """The worst figure of a run, and whether it holds."""
        figures = [self.find(row) for row in list_rows(result, self.part)]
        found = [figure for figure in figures if figure is not None]
        if not found:
            return "not measured"
        worst = min(found) if self.least else max(found)
        if not self._holds(worst, self.required):
            return f"**{worst:.3g}, missed**"
        return f"{worst:.3g}, goal reached" if self.goal and self._holds(worst, self.goal) else f"{worst:.3g}, held"

    def _holds(self, figure: float, bound: float) -> bool:
        return figure >= bound if self.least else figure <= bound

    @property
    def asked(self) -> str:
        goal = f", goal {self.goal:g}" if self.goal else ""
        return f"{'at least' if self.least else 'at most'} {self.required:g}{goal}"


def find_layer(side: int) -> Callable[[dict[str, Any]], float | None]:
    """How many times as fast a layer is, of those on maps of this side."""
    return lambda row: count_as_fast(row) if row["input"][2] == side else None


def find_model(model: str, batch: int) -> Callable[[dict[str, Any]], float | None]:
    return lambda row: row["ratios"][model]["median"] if row["input"][0] == batch else None


def find_threshold(kind: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda row: row["ratios"][kind]["median"]


def list_bounds() -> list[Bound]:
    model_bounds = ((SHIPPED[1], 0.80, 0.85, 0.70), (SHIPPED[2], 0.70, 0.80, 0.60), (SHIPPED[3], 0.90, 0.90, 0.75))
    return [
        Bound("1024 -> 1024 on 10x1024x32x32, times as fast", "layers", find_layer(32), 6, 15, least=True),
        Bound("slowest layer on 8x8 maps, times as fast", "layers", find_layer(8), 1.3, 2, least=True),
        Bound("slowest layer on 4x4 maps, times as fast", "layers", find_layer(4), 2.5, 5, least=True),
        *(
            Bound(f"{text} over one smooth path{where}", part, find_threshold(kind), required)
            for part, where in (("direct", ", kernel alone"), ("thresholds", ", in a session"))
            for kind, text, required in (("three_soft", "three soft paths", 1.1), ("soft", "one soft path", 0.65))
        ),
        *(
            Bound(f"`{model}` over `{SHIPPED[0]}`, batch {batch}", "models", find_model(model, batch), required, goal)
            for model, one, many, goal in model_bounds
            for batch, required in ((1, one), (16, many))
        ),
    ]


def make_bounds_table() -> str:
    """What was required of the kernels, and what each run found."""
    results = [read_result(name) for name in CPU_RUNS]
    rows = [[bound.text, bound.asked, *map(bound.judge, results)] for bound in list_bounds()]
    return make_table(["requirement", "bound", *map(name_run, results)], rows)


def describe_conditions() -> str:
    return describe_machine(read_result(CPU_RUNS[0]))


PARTS = {
    "cpu_models": make_model_table,
    "cpu_bounds": make_bounds_table,
    "cpu_layers": make_layer_table,
    "cpu_thresholds": make_threshold_table,
    "cpu_conditions": describe_conditions,
}
