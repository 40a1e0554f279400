"""The difference of two sides as text: a row for each group of layers, what is unmatched, and the verdict."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from .conditions import why_other_speed
from .diff import SAME, Diff, Difference, Row
from .groups import Unmatched
from .table import format_table, shorten, wrap
from .times import Side, TimedLayer

MOST_NAMED = 8  # layers in a sentence


def format_diff(found: Diff) -> str:
    head = ["layer", "op", "A, ms", "B, ms", "B - A", "", "lies between", ""]
    rows = [head, *(_format_row(row, found.limit) for row in found.rows)]
    parts = [_format_sides(found), format_table(rows, "<<>>>>><") if found.rows else "No layer of A is one of B."]
    for name, unmatched in (("A", found.only_a), ("B", found.only_b)):
        if unmatched:
            parts.append(_format_unmatched(name, unmatched))
    return "\n\n".join([*parts, _format_summary(found)])


def describe_verdict(found: Diff) -> str:
    """Whether anything is above the limit; empty where no limit was given."""
    if found.limit is None:
        return ""
    limit = f"{100 * found.limit:g}%"
    if not found.above:
        return f"within: nothing is certainly more than {limit} slower"
    which = ", ".join(shorten(name) for name in found.above[:MOST_NAMED])
    more = f" and {len(found.above) - MOST_NAMED} more" if len(found.above) > MOST_NAMED else ""
    if found.noisy:
        return (
            f"not judged: more than {limit} slower are {which}{more}, but the times are noisy ({found.noisy}): measure"
            " again, or in turns (`make compare`)"
        )
    return f"above: certainly more than {limit} slower are {which}{more}"


def describe_conditions(side: Side) -> str:
    known = [str(side.conditions[key]) for key in ("backend", "precision", "provider", "gpu") if key in side.conditions]
    known += [f"batch {side.conditions['batch']}"] if "batch" in side.conditions else []
    return ", ".join(known) or side.source


def describe_ops(a: Sequence[TimedLayer], b: Sequence[TimedLayer]) -> str:
    """As in "Conv", or "Conv -> FWHTLayer"."""
    names = []
    for layers in (a, b):
        own = [layer.op for layer in layers if not layer.helper] or [layer.op for layer in layers]
        names.append(" + ".join(dict.fromkeys(filter(None, own))))
    return names[0] if names[0] == names[1] or not names[1] else f"{names[0] or '?'} -> {names[1]}"


def format_percent(difference: Difference) -> str:
    return "" if difference.ratio is None else f"{difference.ratio - 1:+.0%}"


def _format_sides(found: Diff) -> str:
    rows = [[name, side.label, f"{describe_conditions(side)}; {side.band}"] for name, side in found.sides]
    lines = [format_table(rows, "<<<")]
    if found.paired:
        lines.append("The rounds of the two were measured in turns, and are compared one by one.")
    if found.conditions:
        pairs = (f"{key} ({format_value(a)} / {format_value(b)})" for key, (a, b) in found.conditions.items())
        lines.append("Conditions that differ: " + ", ".join(pairs))
    lines += [f"NOISY: {text}" for text in list_noise(found)]
    lines += [f"{name}: {note}" for note, name in collect_notes(found).items()]
    return "\n".join(map(wrap, [*lines, *found.notes]))


def list_noise(found: Diff) -> List[str]:
    """Why the times are not to be trusted; once where both sides have the same reason, as rounds in turns have."""
    if found.a.noisy and found.a.noisy == found.b.noisy:
        own = [f"A and B: {found.a.noisy}"]
    else:
        own = [f"{name}: {side.noisy}" for name, side in found.sides if side.noisy]
    speed = None if found.paired else why_other_speed(found.a.conditions, found.b.conditions)
    return [*own, speed] if speed else own


def collect_notes(found: Diff) -> Dict[str, str]:
    """Each note, with the side that has it: "A", "B" or "A and B"."""
    notes: Dict[str, str] = {}
    for name, side in found.sides:
        for note in side.notes:
            notes[note] = f"{notes[note]} and {name}" if note in notes else name
    return notes


def format_value(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _format_row(row: Row, limit: Any) -> List[str]:
    one = row.difference
    word = "" if one.verdict == SAME else one.verdict
    return [
        shorten(row.group.name),
        shorten(describe_ops(row.group.a, row.group.b), 40),
        f"{one.a.ms:.3f}",
        f"{one.b.ms:.3f}",
        f"{one.ms:+.3f}",
        format_percent(one),
        f"{one.low:+.3f} and {one.high:+.3f}",
        f"{word}, above the limit" if one.above else word,
    ]


def _format_unmatched(name: str, unmatched: Sequence[Unmatched]) -> str:
    together = sum(one.layer.times.ms for one in unmatched)
    rows = [
        [shorten(one.layer.name), shorten(one.layer.op, 24), f"{one.layer.times.ms:.3f}", one.reason]
        for one in unmatched
    ]
    return f"Only in {name}, {together:.3f} ms together:\n{format_table(rows, '<<><')}"


def _format_summary(found: Diff) -> str:
    counts = {word: sum(row.difference.verdict == word for row in found.rows) for word in ("slower", "faster", SAME)}
    total = found.total
    lines = [
        f"{found.total_name}: A {total.a.ms:.3f} ms, B {total.b.ms:.3f} ms, {total.ms:+.3f} ms {format_percent(total)},"
        f" lies between {total.low:+.3f} and {total.high:+.3f}",
        f"layers: {counts['slower']} slower, {counts['faster']} faster, {counts[SAME]} the same within the noise,"
        f" {len(found.only_a)} only in A, {len(found.only_b)} only in B",
    ]
    text = describe_verdict(found)
    return "\n".join(map(wrap, [*lines, text] if text else lines))
