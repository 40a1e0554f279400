"""Reads the file of one side of a comparison: a layer report, an answer that has one, or a profile of trtexec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Optional, cast

from ..errors import StartupError
from ..profiling.report import SCHEMA, Conditions, LayerReport, ReportItem
from .tensorrt_names import parse_name
from .times import NOT_GIVEN, Side, TimedLayer, Times, add_times, check_milliseconds, describe_band, read_times
from .trtexec_profile import parse_trtexec


def read_side(path: Path, info: Optional[Path] = None, spread: float = 0.05) -> Side:
    """info: trtexec's --exportLayerInfo of the same engine. spread: share of a time that another measurement may differ
    by where the file has no spread of its own.

    Raises StartupError naming the file, what is wrong with it, and what it should be.
    """
    values = read_json(path)
    try:
        if isinstance(values, list):
            return parse_trtexec(path.name, values, None if info is None else read_json(info), spread)
        if info is not None:
            raise ValueError(f"it is no profile of trtexec, so {info} cannot belong to it")
        return parse_report(path.name, values, spread)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{path} cannot be compared: {_explain(error)}") from error


def read_report(path: Path) -> LayerReport:
    """The layer report in a file, or in an answer that has one; StartupError where there is none, or a broken one."""
    values = read_json(path)
    try:
        parse_report(path.name, values, 0.0)
        report = cast(LayerReport, {"conditions": {}, **values.get("layers", values)})
        for value in (report["sum_ms"], report["unattributed_ms"], report["profiled_ms"]):
            check_milliseconds(value)
        for item in report["items"]:
            for value in (item["ms_p10"], item["ms_p90"], item["share"]):
                check_milliseconds(value)
        return report
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{path} cannot be shown: {_explain(error)}") from error


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), strict=False)  # trtexec does not escape control characters
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StartupError(f"{path} is no JSON: it is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise StartupError(
            f"{path} is no JSON ({error}): give a report of `make profile`, an answer with ?layers=true, or what"
            " trtexec wrote with --exportProfile"
        ) from error


def _explain(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def parse_report(label: str, values: Any, spread: float) -> Side:
    """Raises ValueError, KeyError or TypeError where it is no layer report."""
    answer: Mapping[str, Any] = {}
    if isinstance(values, dict) and isinstance(values.get("layers"), dict):
        answer, values = values, values["layers"]
    check_report(values)
    report: LayerReport = values
    runs = report["runs"]
    conditions: Conditions = {
        **{key: answer[key] for key in ("model", "backend", "precision") if key in answer},
        **report.get("conditions", {}),
    }
    on_tensorrt = conditions.get("backend") == "tensorrt"
    layers = [_read_layer(item, runs, spread, on_tensorrt) for item in report["items"]]
    return Side(
        label=str(conditions.get("model", label)),
        source="layer report",
        layers=tuple(layers),
        total=_read_total(report, spread),
        sum=add_times([layer.times for layer in layers]),
        band=describe_band(report.get("rounds", 1), runs, spread),
        conditions=conditions,
    )


def check_report(values: Any) -> None:
    if not isinstance(values, dict):
        raise ValueError(f"it holds a {type(values).__name__}, not a report or a profile")
    if "Layers" in values:
        raise ValueError(
            "it is a layer list (--exportLayerInfo): give the profile (--exportProfile), and this as --info"
        )
    if "results" in values or values.get("layers", 0) is None:
        raise ValueError("it is an answer without layer times: ask with ?layers=true")
    if values.get("schema") != SCHEMA or not isinstance(values.get("items"), list):
        raise ValueError(f"it is no layer report (schema is {values.get('schema')!r}, this version reads {SCHEMA})")
    if not values["items"]:
        raise ValueError("it has no layers")
    if isinstance(values.get("runs"), bool) or not isinstance(values.get("runs"), int):
        raise ValueError(f"runs is {values.get('runs')!r}, it must be a whole number")


def _read_total(report: LayerReport, spread: float) -> Times:
    p10, p90 = report.get("latency_ms_p10", NOT_GIVEN), report.get("latency_ms_p90", NOT_GIVEN)
    return read_times(report["latency_ms"], p10, p90, report.get("latency_rounds_ms", ()), report["runs"], spread)


def _read_layer(item: ReportItem, runs: int, spread: float, on_tensorrt: bool) -> TimedLayer:
    name, nodes = str(item["name"]), tuple(str(node) for node in item["onnx_nodes"])
    p10, p90 = item.get("ms_p10", NOT_GIVEN), item.get("ms_p90", NOT_GIVEN)
    times = read_times(item["ms"], p10, p90, item.get("rounds_ms", ()), runs, spread)
    if nodes or not on_tensorrt:
        return TimedLayer(name, str(item["op"]), nodes, times)
    parts = parse_name(name)
    return TimedLayer(name, str(item["op"]), parts.nodes, times, parts.helper, parts.block)
