"""Layer reports of several rounds: one after the other for one model, in turns for two.

Two measurements of one model differ by more than the spread of the runs within either: the whole machine is faster or
slower for a while. Rounds show that, and rounds in turns share it. A round during which other programs used the
processors, or during which the engine itself says that a clock changed, is measured again; where too many are like
that, the quietest are kept and the report says so (`conditions.noisy`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..models.model import Model
from ..profiling.board_conditions import describe_board_states
from ..profiling.build_report import ReportLayer, build_report
from ..profiling.report import Conditions, LayerReport, ReportItem
from .processor_load import compute_others_share, take_snapshot

ROUNDS = 10
MOST_OTHERS = 0.10  # share of the processors


@dataclass(frozen=True)
class Round:
    """A report of each model. others: share of the processors that other programs used. noisy: why the engine itself
    does not trust the times, None where it does."""

    reports: List[LayerReport]
    others: float
    noisy: Optional[str]

    @property
    def noise(self) -> float:
        return 1.0 if self.noisy else self.others


def measure_rounds(
    models: Sequence[Model],
    files: Sequence[bytes],
    rounds: int = ROUNDS,
    runs: Optional[int] = None,
    show_progress: Callable[[str], None] = lambda text: None,
) -> List[LayerReport]:
    """A report of each model on a batch of image files, from this many rounds in turns.

    runs: profiled runs in a round, None leaves it to the engine. show_progress: is called with a line on how far it is.
    """
    found: List[Round] = []
    while sum(one.noise <= MOST_OTHERS for one in found) < rounds and len(found) < 2 * rounds:
        more = len(found) - rounds + 1
        show_progress(
            f"round {len(found) + 1} of {rounds}" if more < 1 else f"{more} more, since other work disturbed {more}"
        )
        found.append(_measure_round(models, files, runs, backwards=len(found) % 2 == 1))
    quietest = sorted(sorted(range(len(found)), key=lambda i: found[i].noise)[:rounds])
    kept = [found[i] for i in quietest]
    return [
        _add_conditions(merge_rounds([one.reports[place] for one in kept]), model, kept)
        for place, model in enumerate(models)
    ]


def _measure_round(models: Sequence[Model], files: Sequence[bytes], runs: Optional[int], backwards: bool) -> Round:
    """backwards: the last model first, so that over all rounds none has the better place."""
    before = take_snapshot()
    turns = [model.profile(files, runs) for model in (reversed(models) if backwards else models)]
    reports = turns[::-1] if backwards else turns
    others = compute_others_share(before, take_snapshot())
    reasons = [report["conditions"]["noisy"] for report in reports if "noisy" in report["conditions"]]
    return Round(reports, others, reasons[0] if reasons else None)


def merge_rounds(reports: Sequence[LayerReport]) -> LayerReport:
    """The layer report whose runs are rounds: medians and percentiles are those of the rounds' medians, which stand in
    `rounds_ms` and `latency_rounds_ms`; `runs` counts the runs of all rounds. A single report stays as it is."""
    if len(reports) == 1:
        return reports[0]
    layers: Dict[Tuple[str, str, Tuple[str, ...]], ReportLayer] = {}
    for report in reports:
        for item in report["items"]:
            layers.setdefault(_item_key(item), ReportLayer(item["name"], item["op"], item["onnx_nodes"]))
    by_key = [{_item_key(item): item["ms"] for item in report["items"]} for report in reports]
    medians = np.array([[times.get(key, 0.0) for key in layers] for times in by_key])
    latency_ms, profiled_ms = (np.array([report[key] for report in reports]) for key in ("latency_ms", "profiled_ms"))
    made = build_report(list(layers.values()), medians, profiled_ms, latency_ms, _merge_conditions(reports))
    for item, column in zip(made["items"], medians.T):
        item["rounds_ms"] = column.tolist()
    made["runs"], made["rounds"] = sum(report["runs"] for report in reports), len(reports)
    made["latency_rounds_ms"] = latency_ms.tolist()
    made.pop("note", None)  # it took each layer for a kernel and each round for a run
    typical = reports[int(np.argsort(profiled_ms)[len(reports) // 2])]
    if "note" in typical:
        made["note"] = f"Of one round: {typical['note']}"
    return made


def _merge_conditions(reports: Sequence[LayerReport]) -> Conditions:
    """Those of the first, with the board as it was before the first and after the last."""
    first, last = reports[0]["conditions"], reports[-1]["conditions"]
    before, after = first.get("board_before", {}), last.get("board_after", {})
    return {**first, **describe_board_states(before, after, on_gpu=first.get("provider") != "cpu")}


def _item_key(item: ReportItem) -> Tuple[str, str, Tuple[str, ...]]:
    return item["name"], item["op"], tuple(item["onnx_nodes"])


def _add_conditions(report: LayerReport, model: Model, rounds: Sequence[Round]) -> LayerReport:
    conditions = {"model": model.name, **report["conditions"]}
    if "file_sha256" in model.card:
        conditions["onnx_sha256"] = model.card["file_sha256"]
    reasons = [one.noisy for one in rounds if one.noisy]
    reasons += [conditions["noisy"]] if "noisy" in conditions else []  # from the first round to the last
    others = max(one.others for one in rounds)
    if others > MOST_OTHERS:
        reasons.append(f"other programs used up to {others:.0%} of the processors meanwhile")
    if reasons:
        conditions["noisy"] = "; ".join(dict.fromkeys(reasons))
    return {**report, "conditions": conditions}
