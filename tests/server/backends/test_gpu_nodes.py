"""Device nodes that this user may not use, on boards laid out as files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.backends.gpu_nodes import closed_nodes

ORIN = ("nvmap", "nvgpu/igpu0/power", "nvgpu/igpu0/ctrl", "host1x-fence", "dri/renderD128")


def lay_out(root: Path, *nodes: str) -> None:
    for node in nodes:
        path = root / "dev" / node
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of nodes that are refused, as root would not be; as for somebody who is not in the group that owns them."""
    names: set[str] = set()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name not in names and may(path, mode))
    return names


def test_nothing_is_wrong_where_all_may_be_used(tmp_path: Path) -> None:
    lay_out(tmp_path, *ORIN)
    assert closed_nodes(tmp_path) is None
    assert closed_nodes(tmp_path / "nowhere") is None


def test_the_node_and_its_group_are_named(tmp_path: Path, closed: set[str]) -> None:
    lay_out(tmp_path, *ORIN)
    closed.add("renderD128")
    said = closed_nodes(tmp_path)
    group = (tmp_path / "dev/dri/renderD128").stat().st_gid
    assert said and f"may not use {tmp_path}/dev/dri/renderD128: " in said and f"--group-add {group}" in said
    assert f"user {os.geteuid()}" in said and "supplementalGroups" in said


def test_a_node_that_nobody_may_write_needs_only_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, *ORIN)
    nvmap = tmp_path / "dev/nvmap"
    nvmap.chmod(0o440)
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK if Path(path) == nvmap else may(path, mode))
    assert closed_nodes(tmp_path) is None


def test_another_makers_render_node_is_no_reason(tmp_path: Path, closed: set[str]) -> None:
    lay_out(tmp_path, "dri/renderD128")
    closed.add("renderD128")
    assert closed_nodes(tmp_path) is None
