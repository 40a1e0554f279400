"""What a difference says: rows, what is alone, notes, and the verdict."""

from __future__ import annotations

from dataclasses import replace

from server.layers.diff import diff
from server.layers.diff_table import describe_ops, describe_verdict, format_diff

from .sides import item, side


def test_a_difference() -> None:
    a = side(item("stem"), item("head", 2.0), item("old", 0.5), conditions={"backend": "onnxruntime", "batch": 1})
    b = side(item("stem"), item("head", 3.0, op="FWHTLayer"), conditions={"backend": "tensorrt", "batch": 4})
    said = format_diff(diff(a, b, 0.10))
    head, tail = said.split("\n\n")[0], said.split("\n\n")[-1].splitlines()
    assert "Conditions that differ: backend (onnxruntime / tensorrt), batch (1 / 4)" in head
    row = next(line for line in said.splitlines() if line.startswith("head"))
    assert row.split("  ")[0] == "head" and "Conv -> FWHTLayer" in row
    assert "+1.000  +50%  +0.999 and +1.001  slower, above the limit" in row
    assert "Only in A, 0.500 ms together:\nold  Conv  0.500  no layer of the other side" in said
    assert tail == [
        "a whole run: A 3.500 ms, B 4.000 ms, +0.500 ms +14%, lies between +0.499 and +0.501",
        "layers: 1 slower, 0 faster, 1 the same within the noise, 1 only in A, 0 only in B",
        "above: certainly more than 10% slower are a whole run, head",
    ]


def test_nothing_in_common() -> None:
    assert "No layer of A is one of B." in format_diff(diff(side(item("x")), side(item("y"))))


def test_verdicts() -> None:
    a, b = side(*(item(f"layer.{i}") for i in range(12))), side(*(item(f"layer.{i}", 2.0) for i in range(12)))
    assert describe_verdict(diff(a, b)) == ""
    assert describe_verdict(diff(a, b, 0.025)).startswith(
        "above: certainly more than 2.5% slower are a whole run, layer.0, "
    )
    assert describe_verdict(diff(a, b, 0.10)).endswith("layer.6 and 5 more")
    assert describe_verdict(diff(b, a, 0.10)) == "within: nothing is certainly more than 10% slower"
    noisy = replace(b, conditions={"noisy": "the clock changed"})
    assert describe_verdict(diff(a, noisy, 0.10)).startswith("not judged: more than 10% slower are")


def test_notes_of_both_sides_are_told_once() -> None:
    a, b = (replace(side(item("x")), notes=("as both", own)) for own in ("mine", "yours"))
    lines = format_diff(diff(a, b)).splitlines()
    assert {"A and B: as both", "A: mine", "B: yours"} <= set(lines)
    a, b = (replace(one, conditions={"noisy": "a reason"}) for one in (a, b))
    assert "NOISY: A and B: a reason" in format_diff(diff(a, b))


def test_ops() -> None:
    a, b = side(item("x", op="Conv"), item("y", op="")), side(item("x", op="FWHTLayer"), item("y", op="Add"))
    assert (
        describe_ops(a.layers, b.layers) == "Conv -> FWHTLayer + Add"
        and describe_ops(a.layers[1:], b.layers[1:]) == "? -> Add"
    )
    assert describe_ops(a.layers, a.layers) == "Conv" and describe_ops(b.layers, a.layers[1:]) == "FWHTLayer + Add"
