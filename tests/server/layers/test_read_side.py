"""Files of one side of a comparison, good ones and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.errors import StartupError
from server.layers.read_side import read_report, read_side

from . import trtexec_files as files
from .sides import item, report


def write(folder: Path, content: Any, name: str = "a.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_report(tmp_path: Path) -> None:
    path = write(tmp_path, report(item("stem", 2.0, ms_p10=1.9, ms_p90=2.4), item("stem -> head", 0.1, nodes=[])))
    side = read_side(path)
    stem, between = side.layers
    assert (stem.nodes, stem.times.low, stem.times.high) == (("stem",), 1.9, 2.4)
    assert between.nodes == () and between.name == "stem -> head"
    assert side.total is not None and side.total.ms == side.sum.ms == 2.1 and side.source == "layer report"


def test_an_answer_with_layers(tmp_path: Path) -> None:
    answer = {"model": "tiny", "backend": "onnxruntime", "precision": "fp32", "layers": report(item("stem"))}
    path = write(tmp_path, answer)
    assert read_side(path).label == "tiny" and read_side(path).conditions["precision"] == "fp32"
    assert read_report(path) == answer["layers"]


def test_work_of_no_node_in_a_report_of_tensorrt(tmp_path: Path) -> None:
    copy = "Reformatting CopyNode for Input Tensor 0 to stem + stem_relu6"
    conditions = {"backend": "tensorrt"}
    path = write(tmp_path, report(item(copy, nodes=[]), item("stem"), conditions=conditions))
    assert read_side(path).layers[0].nodes == ("stem", "stem_relu6") and read_side(path).layers[0].helper


@pytest.mark.parametrize("medians", [True, False])
def test_a_profile_of_trtexec(tmp_path: Path, medians: bool) -> None:
    side = read_side(write(tmp_path, files.profile_text(files.FUSED, medians=medians)))
    assert len(side.layers) == len(files.FUSED) and side.sum.ms == pytest.approx(0.065)
    assert side.layers[1].nodes == ("stem", "stem_relu6")
    assert side.layers[1].times.low == pytest.approx(0.019) and side.layers[1].times.high == pytest.approx(0.021)
    assert side.total is None and side.label == "a.json"
    assert side.notes[0].startswith("trtexec writes no machine, version or batch")
    assert side.notes[1:] == (() if medians else ("no medians in it, so means are compared",))
    assert side.band == "100 runs; trtexec writes no spread: 5% either way is assumed"


def test_a_layer_list_names_the_nodes_of_kernels(tmp_path: Path) -> None:
    profile = write(tmp_path, files.profile_text(files.KERNELS))
    listed = write(tmp_path, files.layers_text(files.KERNELS), "layers.json")
    assert [layer.nodes for layer in read_side(profile).layers][1:] == [(), (), ()]
    side = read_side(profile, listed)
    assert [layer.nodes for layer in side.layers] == [
        ("stem", "stem_relu6"),
        ("blocks.0.sigmoid", "blocks.0.mul"),
        ("blocks.0.expand",),
        ("classifier",),
    ]
    assert [layer.op for layer in side.layers][1] == "kgen" and not any(layer.block for layer in side.layers)


def test_a_layer_list_without_details_says_so(tmp_path: Path) -> None:
    rows = files.KERNELS[1:]
    listed = write(tmp_path, files.layers_text(rows, detailed=False), "layers.json")
    side = read_side(write(tmp_path, files.profile_text(rows)), listed)
    assert "build the engine with --profilingVerbosity=detailed" in side.notes[1]


def test_layers_of_one_name_are_taken_in_order(tmp_path: Path) -> None:
    listed = {"Layers": [{"Name": "x", "Metadata": f"[ONNX Layer: {node}]"} for node in "ab"]}
    profile = write(tmp_path, files.profile_text([("x", 1.0), ("x", 2.0), ("x", 3.0)]))
    nodes = [layer.nodes for layer in read_side(profile, write(tmp_path, listed, "layers.json")).layers]
    assert nodes == [("a",), ("b",), ("x",)]


GOOD = report(item("stem"))
BROKEN = [
    ("", "is no JSON"),
    ("{", "is no JSON"),
    ("[" * 100_000, "is no JSON"),
    ("7", "it holds a int, not a report or a profile"),
    ({}, "it is no layer report (schema is None, this version reads 1)"),
    ({**GOOD, "schema": 2}, "schema is 2, this version reads 1"),
    ({**GOOD, "items": []}, "it has no layers"),
    ({**GOOD, "items": {}}, "it is no layer report"),
    ({**GOOD, "runs": "many"}, "runs is 'many', it must be a whole number"),
    ({**GOOD, "items": [{**item("stem"), "ms": -1}]}, "-1 is no time in milliseconds"),
    ({**GOOD, "items": [{"name": "stem"}]}, "'onnx_nodes' is missing"),
    ({**GOOD, "items": [3]}, "cannot be compared"),
    ({**GOOD, "items": [{**item("stem"), "onnx_nodes": 3}]}, "cannot be compared"),
    ({**GOOD, "latency_ms": None}, "None is no time in milliseconds"),
    ({**GOOD, "conditions": 3}, "cannot be compared"),
    ({"model": "tiny", "layers": None}, "it is an answer without layer times: ask with ?layers=true"),
    ({"model": "tiny", "results": []}, "it is an answer without layer times: ask with ?layers=true"),
    ({"Layers": []}, "it is a layer list (--exportLayerInfo): give the profile (--exportProfile)"),
    ([], "not of layers as trtexec writes it"),
    ([1, 2], "not of layers as trtexec writes it"),
    ([{"count": 3}], "not of layers as trtexec writes it"),
    ([{"name": "stem", "averageMs": 1.0}], 'it does not begin with {"count": runs}'),
    ([{"count": 0}, {"name": "stem", "averageMs": 1.0}], 'it does not begin with {"count": runs}'),
    ([{"count": 3}, {"name": "stem"}], "'averageMs' is missing"),
    ([{"count": 3}, {"name": "stem", "averageMs": "-nan"}], "'-nan' is no time in milliseconds"),
    ([{"latencyMs": 1.0, "startEnqMs": 0}], "not of layers as trtexec writes it"),  # --exportTimes
]


@pytest.mark.parametrize(("content", "said"), BROKEN, ids=range(len(BROKEN)))
def test_broken_files_say_what_is_wrong(tmp_path: Path, content: Any, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(StartupError) as caught:
        read_side(path)
    assert str(path) in str(caught.value) and said in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="nowhere.json cannot be read: No such file"):
        read_side(tmp_path / "nowhere.json")
    with pytest.raises(StartupError, match="cannot be read: Is a directory"):
        read_side(tmp_path)
    binary = tmp_path / "engine.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StartupError, match="engine.json is no JSON: it is not UTF-8"):
        read_side(binary)


def test_layer_lists_where_they_do_not_belong(tmp_path: Path) -> None:
    ours, profile = write(tmp_path, GOOD), write(tmp_path, files.profile_text(files.FUSED), "b.json")
    with pytest.raises(StartupError, match="it is no profile of trtexec, so .*b.json cannot belong to it"):
        read_side(ours, profile)
    with pytest.raises(StartupError, match="the layer list is none as trtexec writes it"):
        read_side(profile, ours)


def test_a_name_with_a_quote_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is no JSON"):
        read_side(write(tmp_path, files.profile_text([('say "x"', 1.0)])))


def test_a_file_without_a_report_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be shown: it holds a list"):
        read_report(write(tmp_path, files.profile_text(files.FUSED)))
    with pytest.raises(StartupError, match="cannot be shown: 'profiled_ms' is missing"):
        read_report(write(tmp_path, {key: value for key, value in GOOD.items() if key != "profiled_ms"}))
    with pytest.raises(StartupError, match="cannot be shown: 'half' is no time"):
        read_report(write(tmp_path, {**GOOD, "items": [{**item("stem"), "share": "half"}]}))
