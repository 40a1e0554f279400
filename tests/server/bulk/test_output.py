"""The folder of a bulk run: parts, resuming, refusing, and what is damaged."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the bulk extra is not installed; test_bulk.py fails for that where asked to")

from pyarrow import dataset, parquet

from server.bulk.output import DonePart, Output, make_printable
from server.errors import StartupError

CARD = {"source": "/images", "model": "tiny", "top_k": 2, "part": 2}


def opened(folder: Path, **changes: Any) -> Output:
    output = Output(folder)
    output.begin({**CARD, **changes})
    return output


def row(path: str, **columns: Any) -> dict[str, Any]:
    return {
        "path": path,
        "error": None,
        "label": "cat",
        "class_id": 3,
        "score": 0.5,
        "width": 4,
        "height": 3,
        **columns,
    }


def test_parts_are_listed_once(tmp_path: Path) -> None:
    output = opened(tmp_path / "new" / "rows")
    assert output.add(["a", "b", "c"], 2) == 3 and output.parts == [2, 1]
    again = opened(tmp_path / "new" / "rows")
    assert again.add(["a", "b", "c"], 2) == 0 and again.parts == [2, 1]
    assert again.add(["0", "a", "c", "d", "e"], 2) == 3 and again.parts == [2, 1, 2, 1]  # b has gone, its row stays
    assert [again.read_names(part) for part in range(4)] == [["a", "b"], ["c"], ["0", "d"], ["e"]]


def test_a_listing_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    opened(tmp_path).add(["a", "b", "c", "d"], 2)
    (tmp_path / "_bulk" / "part-000001.json").unlink()
    (tmp_path / "_bulk" / ".part-000001.json.half").write_text('["c", "')
    output = opened(tmp_path)
    output.sweep()
    assert output.add(["a", "b", "c", "d"], 2) == 2 and output.read_names(1) == ["c", "d"]
    assert not list((tmp_path / "_bulk").glob(".*"))


def test_rows_come_back_and_are_counted(tmp_path: Path) -> None:
    output = opened(tmp_path)
    output.add(["a", "b", "c"], 2)
    assert output.find_done(0) is None
    output.write(0, [row("a", top_labels=["cat", "dog"]), {"path": "b", "error": "bad"}], {"model": "tiny"})
    output.write(1, [row("c")], {"model": "tiny"})
    assert output.find_done(0) == DonePart(2, 1) and output.find_done(1) == DonePart(1, 0)
    rows = parquet.read_table(tmp_path).to_pylist()  # a reader of the folder sees the parts and nothing else
    assert [one["path"] for one in rows] == ["a", "b", "c"] and rows[0]["top_labels"] == ["cat", "dog"]
    assert rows[1] == {**dict.fromkeys(rows[0]), "path": "b", "error": "bad"}
    assert dataset.dataset(tmp_path).count_rows() == 3
    assert parquet.read_schema(tmp_path / "part-000000.parquet").metadata[b"model"] == b"tiny"


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet at all"])
def test_a_damaged_part_is_not_done(tmp_path: Path, damage: bytes) -> None:
    output = opened(tmp_path)
    output.add(["a"], 2)
    (tmp_path / "part-000000.parquet").write_bytes(damage)
    assert output.find_done(0) is None


def test_a_part_with_other_rows_is_not_done(tmp_path: Path) -> None:
    output = opened(tmp_path)
    output.add(["a", "b"], 2)
    output.write(0, [row("a")], {})
    assert output.find_done(0) is None


@pytest.mark.parametrize("key, value", [("source", "/other"), ("model", "small"), ("top_k", 3), ("part", 4)])
def test_other_options_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    opened(tmp_path)
    with pytest.raises(StartupError, match=f"begun with {key} {CARD[key]!r}, and now it is {value!r}: .*new folder"):
        opened(tmp_path, **{key: value})


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    card = tmp_path / "_bulk" / "run.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "format": 2}))
    with pytest.raises(StartupError, match="begun with format 2, and now it is 1"):
        opened(tmp_path)


def test_a_strangers_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StartupError, match="not empty .thesis.txt. and no bulk run began it"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StartupError, match="cannot write to .*thesis.txt"):
        opened(tmp_path / "thesis.txt")


def test_a_broken_card_is_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / "_bulk" / "run.json").write_text("{")
    with pytest.raises(StartupError, match="run.json cannot be read"):
        opened(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_one_run_at_a_time(tmp_path: Path) -> None:
    output = opened(tmp_path)
    with output.locked(), pytest.raises(StartupError, match="another run is writing"), opened(tmp_path).locked():
        pass
    with output.locked():
        pass


def test_tries_are_counted_until_the_part_is_done_or_a_run_begins(tmp_path: Path) -> None:
    output = opened(tmp_path)
    output.add(["a", "b", "c"], 2)
    assert [output.count_try(0), output.count_try(0), output.count_try(1)] == [0, 1, 0]
    output.write(1, [row("c")], {})
    assert [output.count_try(0), output.count_try(1)] == [2, 0]
    output.sweep()
    assert output.count_try(0) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff.jpg")
    output = opened(tmp_path)
    output.add(["ö.jpg", odd], 2)
    assert output.read_names(0) == ["ö.jpg", odd]
    output.write(0, [row(make_printable("ö.jpg")), row(make_printable(odd))], {})
    assert parquet.read_table(tmp_path)["path"].to_pylist() == ["ö.jpg", "\\xff.jpg"]


def test_a_folder_that_cannot_be_written_any_more(tmp_path: Path) -> None:
    output = opened(tmp_path)
    with output.locked():
        pass
    (tmp_path / "_bulk" / "lock").unlink()
    (tmp_path / "_bulk" / "lock").mkdir()
    with pytest.raises(StartupError, match="cannot write to .*Is a directory.*make room"), output.locked():
        pass
