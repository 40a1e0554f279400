"""Words for the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.profiling import machine


def test_machine() -> None:
    facts = machine.describe_machine()
    assert set(facts) == {"cpu", "cores", "system", "python"}
    assert facts["cpu"] and facts["cores"] >= 1


def test_a_board_goes_before_its_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = tmp_path / "model"
    board.write_bytes(b"NVIDIA Jetson Nano Developer Kit\0")
    monkeypatch.setattr(machine, "BOARD", board)
    assert machine.describe_machine()["cpu"] == "NVIDIA Jetson Nano Developer Kit"


def test_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BOARD", tmp_path / "none")
    monkeypatch.setattr(machine, "CPUS", tmp_path / "none")
    assert machine.describe_machine()["cpu"]


def test_two_processors_of_one_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "list_cpus", lambda: {0, 1, 4, 5, 6})
    for cpu, siblings in {0: "0,4", 4: "0,4", 1: "1,5", 5: "1,5", 6: "6"}.items():
        (tmp_path / str(cpu)).write_text(f"{siblings}\n")
    assert machine.count_physical_cores(f"{tmp_path}/{{}}") == 3
    assert machine.count_physical_cores(f"{tmp_path}/none/{{}}") == 5


def test_cores_of_this_machine() -> None:
    assert 1 <= machine.count_physical_cores() <= len(machine.list_cpus())
