"""What trtexec writes: `--exportProfile=profile.json` and `--exportLayerInfo=layers.json`.

    [{"count": 100}, {"name": "stem + stem_relu6", "timeMs": 3.1, "averageMs": 0.031, "medianMs": 0.03, ...}, ...]
    {"Layers": [{"Name": "stem + stem_relu6", "LayerType": "...", "Metadata": "[ONNX Layer: stem]..."}, ...], ...}

TensorRT 8.2 (the Jetson Nano's) writes no medians, 8.2 to 8.5 no metadata, and a layer list of an engine that was built
without --profilingVerbosity=detailed has names alone. Source: samples/common/sampleReporting.cpp of those releases.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .tensorrt_names import parse_metadata, parse_name
from .times import Side, TimedLayer, add_times, assume_band, check_milliseconds


def parse_trtexec(label: str, profile: Sequence[Any], info: Any, spread: float) -> Side:
    """info: None where there is no layer list. Raises ValueError or KeyError where one of them is something else."""
    runs, rows = _check_profile(profile)
    key = "medianMs" if all("medianMs" in row for row in rows) else "averageMs"
    listed = _index_by_name(info) if info is not None else {}
    layers = [_read_layer(row, key, listed, spread) for row in rows]
    notes = ["trtexec writes no machine, version or batch: see to it that they are what you mean to compare"]
    notes += ["no medians in it, so means are compared"] if key == "averageMs" else []
    if info is not None and not any(layer.nodes for layer in layers):
        notes.append("its layer list tells no ONNX nodes: build the engine with --profilingVerbosity=detailed")
    return Side(
        label=label,
        source="trtexec profile",
        layers=tuple(layers),
        total=None,
        sum=add_times([layer.times for layer in layers]),
        band=f"{runs} run{'s' if runs > 1 else ''}; trtexec writes no spread: {spread:.0%} either way is assumed",
        notes=tuple(notes),
    )


def _check_profile(profile: Sequence[Any]) -> Tuple[int, List[Mapping[str, Any]]]:
    rows: List[Mapping[str, Any]] = [row for row in profile if isinstance(row, dict) and "name" in row]
    heads = [row for row in profile if isinstance(row, dict) and "name" not in row]
    if not rows or len(rows) + len(heads) < len(profile):
        raise ValueError('it is a list, but not of layers as trtexec writes it: [{"count": ...}, {"name": ...}, ...]')
    runs = heads[0].get("count") if heads else None
    if not isinstance(runs, int) or runs < 1:
        raise ValueError(f'it does not begin with {{"count": runs}} as trtexec writes it, but with {profile[0]!r}')
    return runs, rows


def _read_layer(
    row: Mapping[str, Any], key: str, listed: Mapping[str, List[Mapping[str, Any]]], spread: float
) -> TimedLayer:
    name = str(row["name"])
    entries = listed.get(name, [])
    entry = entries.pop(0) if entries else {}
    parts, nodes = parse_name(name), parse_metadata(str(entry.get("Metadata", "")))
    return TimedLayer(
        name=name,
        op=str(entry.get("LayerType", "")),
        nodes=nodes or parts.nodes,
        times=assume_band(check_milliseconds(row[key]), spread),
        helper=parts.helper,
        block=None if nodes else parts.block,
    )


def _index_by_name(info: Any) -> Dict[str, List[Mapping[str, Any]]]:
    """The layers of the list; those of one name in their order."""
    layers = info.get("Layers") if isinstance(info, dict) else None
    if not isinstance(layers, list):
        raise ValueError('the layer list is none as trtexec writes it: {"Layers": [...]}')
    entries = [layer if isinstance(layer, dict) else {"Name": layer} for layer in layers]
    names: Dict[str, List[Mapping[str, Any]]] = {}
    for entry in entries:
        names.setdefault(str(entry["Name"]), []).append(entry)
    return names
