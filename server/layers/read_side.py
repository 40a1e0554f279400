"""Reads the file of one side of a comparison: a layer report, an answer that has one, or a profile of trtexec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from ..errors import StartupError
from ..profiling.build_report import SCHEMA
from .tensorrt_names import parts
from .times import Side, TimedLayer, added, band_in_words, milliseconds, of_entry
from .trtexec_profile import trtexec_side

ITEM_KEYS = ("ms", "ms_p10", "ms_p90", "rounds_ms")
TOTAL_KEYS = ("latency_ms", "latency_ms_p10", "latency_ms_p90", "latency_rounds_ms")


def read_side(path: Path, info: Optional[Path] = None, spread: float = 0.05) -> Side:
    """info: trtexec's --exportLayerInfo of the same engine. spread: share of a time that another measurement may differ
    by where the file tells nothing of it.

    Raises StartupError naming the file, what is wrong with it, and what it should be.
    """
    values = read_json(path)
    try:
        if isinstance(values, list):
            return trtexec_side(path.name, values, None if info is None else read_json(info), spread)
        if info is not None:
            raise ValueError(f"it is no profile of trtexec, so {info} cannot belong to it")
        return report_side(path.name, values, spread)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{path} cannot be compared: {_reason(error)}") from error


def read_report(path: Path) -> Dict[str, Any]:
    """The layer report in a file, or in an answer that has one; StartupError where there is none, or a broken one."""
    values = read_json(path)
    try:
        report_side(path.name, values, 0.0)
        report: Dict[str, Any] = values.get("layers", values)
        for key in ("sum_ms", "unattributed_ms", "profiled_ms"):
            milliseconds(report[key])
        for item in report["items"]:
            for key in ("ms_p10", "ms_p90", "share"):
                milliseconds(item[key])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartupError(f"{path} cannot be shown: {_reason(error)}") from error
    return {"conditions": {}, **report}


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


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def report_side(label: str, values: Any, spread: float) -> Side:
    """Raises ValueError, KeyError or TypeError where it is no layer report."""
    answer: Mapping[str, Any] = {}
    if isinstance(values, dict) and isinstance(values.get("layers"), dict):
        answer, values = values, values["layers"]
    check_kind(values)
    runs = values["runs"]
    conditions: Dict[str, Any] = {
        **{key: answer[key] for key in ("model", "backend", "precision") if key in answer},
        **values.get("conditions", {}),
    }
    on_tensorrt = conditions.get("backend") == "tensorrt"
    layers = [_layer(item, runs, spread, on_tensorrt) for item in values["items"]]
    return Side(
        label=str(conditions.get("model", label)),
        source="layer report",
        layers=tuple(layers),
        total=of_entry(values, TOTAL_KEYS, runs, spread),
        sum=added([layer.times for layer in layers]),
        band=band_in_words(values, runs, spread),
        conditions=conditions,
    )


def check_kind(values: Any) -> None:
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


def _layer(item: Mapping[str, Any], runs: int, spread: float, on_tensorrt: bool) -> TimedLayer:
    name, nodes = str(item["name"]), tuple(str(node) for node in item["onnx_nodes"])
    times = of_entry(item, ITEM_KEYS, runs, spread)
    if nodes or not on_tensorrt:
        return TimedLayer(name, str(item["op"]), nodes, times)
    told = parts(name)
    return TimedLayer(name, str(item["op"]), told.nodes, times, told.helper, told.block)
