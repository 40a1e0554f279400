"""Which layers of two sides belong together, on engines of one graph that fuse differently, and on random ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.layers.groups import Matching, match, why_other_numbering
from server.layers.times import Side
from server.layers.trtexec_profile import parse_trtexec

from . import trtexec_files as files
from .sides import item, side


def trtexec(rows: list[tuple[str, float]], listed: bool = False) -> Side:
    profile = [{"count": 9}, *({"name": name, "medianMs": ms} for name, ms in rows)]
    info = {"Layers": [{"Name": name, "Metadata": files.METADATA.get(name, "")} for name, _ in rows]}
    return parse_trtexec("made", profile, info if listed else None, 0.05)


def names(matching: Matching) -> list[tuple[list[str], list[str]]]:
    return [([one.name for one in group.a], [one.name for one in group.b]) for group in matching.groups]


def test_a_hybrid_against_its_baseline() -> None:
    baseline = side(
        item("stem", nodes=["stem", "stem_relu6"]),
        item("blocks.13.expand", nodes=["blocks.13.expand", "blocks.13.expand_relu6"]),
        item("blocks.13.project", nodes=["blocks.13.project", "blocks.13.add"]),
        item("pool -> flatten", op="ReorderOutput", nodes=[]),
    )
    hybrid = side(
        item("stem", nodes=["stem", "stem_relu6"]),
        item("blocks.13.expand", op="FWHTLayer"),
        item("blocks.13.expand -> blocks.13.project", op="ReorderInput", nodes=[]),
        item("blocks.13.project", op="FWHTLayer"),
        item("blocks.13.add", op="Add"),
        item("pool -> flatten", op="ReorderOutput", nodes=[]),
    )
    found = match(baseline, hybrid)
    assert names(found) == [
        (["stem"], ["stem"]),
        (["blocks.13.expand"], ["blocks.13.expand"]),
        (["blocks.13.project"], ["blocks.13.project", "blocks.13.add"]),
        (["pool -> flatten"], ["pool -> flatten"]),
    ]
    assert found.only_a == () and [one.reason for one in found.only_b] == ["work of no ONNX node"]
    assert found.notes == ()


def test_one_layer_against_several_in_its_place() -> None:
    """By their names; "conv10" is not in the place of "conv1", nor is a layer that the other side has as well."""
    baseline = side(
        item("blocks.1.conv1", nodes=["blocks.1.conv1", "blocks.1.conv1_relu"]),
        item("blocks.1.conv2", nodes=["blocks.1.conv2", "blocks.1.add", "blocks.1.add_relu"]),
        item("blocks.4.conv2"),
        item("blocks.4.shortcut", nodes=["blocks.4.shortcut", "blocks.4.add"]),
        item("conv1"),
    )
    hybrid = side(
        item("blocks.1.conv1", nodes=["blocks.1.conv1", "blocks.1.conv1_relu"]),
        item("blocks.1.conv2.paths.1.mix"),
        item("blocks.1.conv2.paths.1.fwht", op="FWHT2D"),
        item("blocks.1.conv2.add", op="Add"),
        item("blocks.1.conv2_bn", op="BatchNormalization"),
        item("blocks.1.add", op="Add", nodes=["blocks.1.add", "blocks.1.add_relu"]),
        item("blocks.4.conv2.paths.1.mix"),
        item("blocks.4.conv2.paths.1.fwht", op="FWHT2D"),
        item("blocks.4.shortcut", nodes=["blocks.4.shortcut", "blocks.4.add"]),
        item("conv10"),
    )
    path = [f"blocks.1.conv2{part}" for part in (".paths.1.mix", ".paths.1.fwht", ".add", "_bn")]
    forward, backward = match(baseline, hybrid), match(hybrid, baseline)
    assert names(forward) == [
        (["blocks.1.conv1"], ["blocks.1.conv1"]),
        (["blocks.1.conv2"], [*path, "blocks.1.add"]),
        (["blocks.4.conv2"], ["blocks.4.conv2.paths.1.mix", "blocks.4.conv2.paths.1.fwht"]),
        (["blocks.4.shortcut"], ["blocks.4.shortcut"]),
    ]
    assert [(b, a) for a, b in names(backward)] == names(forward)
    assert [one.layer.name for one in (*forward.only_a, *forward.only_b)] == ["conv1", "conv10"]


def test_engines_that_fuse_differently() -> None:
    found = match(trtexec(files.FUSED), trtexec(files.APART))
    stem, silu, sides, pool, classifier = names(found)
    assert stem == ([files.FUSED[0][0], files.FUSED[1][0]], ["stem", "stem_relu6"])
    assert silu == (["blocks.0.expand", files.FUSED[3][0]], ["blocks.0.expand + blocks.0.sigmoid", "blocks.0.mul"])
    assert sides == (["blocks.0.left || blocks.0.right"], ["blocks.0.left", "blocks.0.right"])
    assert pool == (["pool", "reshape_after_pool"], ["pool"])
    assert classifier[1] == ["classifier.weight + classifier"]
    assert [one.layer.name for one in found.only_b] == ["(Unnamed Layer* 14) [Shuffle]"]
    assert found.groups[0].name == "stem + PWN(stem_relu6)" and found.groups[1].name == "blocks.0.expand and 1 more"


def test_a_report_of_ours_against_trtexec() -> None:
    ours = side(item("stem", nodes=["stem", "stem_relu6"]), item("pool"), item("flatten"))
    found = match(ours, trtexec(files.APART))
    assert names(found) == [(["stem"], ["stem", "stem_relu6"]), (["pool"], ["pool"])]
    assert [(one.layer.name, one.reason) for one in found.only_a] == [
        ("flatten", "no layer of the other side has one of its ONNX nodes")
    ]


def test_a_block_is_not_split_and_nothing_is_invented() -> None:
    found = match(trtexec(files.BLOCK), trtexec(files.APART))
    assert names(found) == [(["stem + stem_relu6"], ["stem", "stem_relu6"])]
    (block,) = found.only_a
    assert "it cannot be split" in block.reason and len(found.only_b) == len(files.APART) - 2
    assert found.notes[0].startswith("75% of A are blocks that TensorRT compiled as one and cannot be split")


def test_a_block_on_both_sides_is_one_group() -> None:
    found = match(trtexec(files.BLOCK), trtexec([("stem", 0.01), ("stem_relu6", 0.01), files.BLOCK[1]]))
    assert names(found)[-1] == ([files.BLOCK[1][0]], [files.BLOCK[1][0]]) and not found.only_a + found.only_b
    assert len(found.notes) == 2 and "75% of B" in found.notes[1]


def test_kernels_of_a_block_by_a_layer_list() -> None:
    assert len(match(trtexec(files.KERNELS), trtexec(files.APART)).only_a) == 3
    found = match(trtexec(files.KERNELS, listed=True), trtexec(files.APART))
    assert found.only_a == () and found.notes == ()
    assert names(found)[1] == (
        ["__myl_MulSig_myl0_1", "blocks_0_expand_myl0_2"],
        ["blocks.0.expand + blocks.0.sigmoid", "blocks.0.mul"],
    )


def test_kernels_of_two_runs_of_one_engine() -> None:
    found = match(trtexec(files.KERNELS), trtexec(files.KERNELS))
    assert names(found) == [([name], [name]) for name, _ in files.KERNELS]
    other = [
        *files.KERNELS[:2],
        ("classifier_myl0_2", 0.02),
    ]  # another engine: a name may be another's
    assert len(match(trtexec(files.KERNELS), trtexec(other)).groups) == 1


def counted(*ops: str, start: int = 0) -> list[tuple[str, float]]:
    return [(f"{op}_{place}", 0.01) for place, op in enumerate(ops, start)]


def test_numbered_names_of_one_file() -> None:
    a, b = counted("Conv", "Relu", "Conv", "Add"), [("Conv_0 + Relu_1", 0.02), ("Conv_2 + Add_3", 0.02)]
    found = match(trtexec(a), trtexec(b))
    assert names(found) == [(["Conv_0", "Relu_1"], ["Conv_0 + Relu_1"]), (["Conv_2", "Add_3"], ["Conv_2 + Add_3"])]
    assert found.notes == ("Names such as Conv_9 were matched as those of one ONNX file: nothing speaks against it.",)


def test_numbered_names_of_two_files_are_not_used() -> None:
    quantised = [("w.0 + QuantizeLinear_0 + Conv_1", 0.01), ("w.1 + QuantizeLinear_2 + Conv_3", 0.01)]
    plain = [("w.0 + Conv_0", 0.02), ("w.1 + Conv_1", 0.02), ("GlobalAveragePool_2", 0.01)]
    found = match(trtexec(plain), trtexec(quantised))  # by number, Conv_1 would be the second here and the first there
    assert names(found) == [([plain[0][0]], [quantised[0][0]]), ([plain[1][0]], [quantised[1][0]])]
    assert [one.reason for one in found.only_a] == ["named by the exporter's numbers, which differ"]
    assert "number 0 is Conv_0 in A and QuantizeLinear_0 in B" in found.notes[0]


def test_more_numbers_on_one_side() -> None:
    short, long = counted("Conv", "Relu") * 1, counted("Conv", "Relu", "Conv", "Relu")
    problem = why_other_numbering(trtexec(short), trtexec(long))
    assert problem == "2 of 4 such names, as Conv_2, are on one side only"
    assert why_other_numbering(trtexec([*short, files.BLOCK[1]]), trtexec(long)) is None  # they may be in the block
    assert why_other_numbering(trtexec(files.APART), trtexec(long)) is None  # one side does not number at all


SIDES = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=3), min_size=1, max_size=8)


@given(SIDES, SIDES)
def test_groups_are_the_components(left: list[list[str]], right: list[list[str]]) -> None:
    a, b = (
        side(*(item(f"{name}{place}", nodes=nodes) for place, nodes in enumerate(lists)))
        for name, lists in (("l", left), ("r", right))
    )
    found = match(a, b)
    members = {(f"l{i}", frozenset(nodes)) for i, nodes in enumerate(left)}
    members |= {(f"r{i}", frozenset(nodes)) for i, nodes in enumerate(right)}
    expected = [one for one in components(members) if any(n[0] == "l" for n in one) and any(n[0] == "r" for n in one)]
    assert sorted(sorted([*x, *y]) for x, y in names(found)) == sorted(sorted(one) for one in expected)
    grouped = sum(len(x) + len(y) for x, y in names(found))
    assert grouped + len(found.only_a) + len(found.only_b) == len(left) + len(right)


def components(members: set[tuple[str, frozenset[str]]]) -> list[set[str]]:
    """The slow, obvious way: join what shares a node until nothing changes."""
    found = [({name}, set(nodes)) for name, nodes in members]
    for _ in found:
        joined: list[tuple[set[str], set[str]]] = []
        for one, nodes in found:
            for other, theirs in joined:
                if nodes & theirs:
                    other |= one
                    theirs |= nodes
                    break
            else:
                joined.append((one, nodes))
        found = joined
    return [one for one, _ in found]
