"""A board laid out below a folder, from the listings in tests/docker/boards: its nodes as files, and programs that tell
the owners which such a file cannot have unless the tests run as root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Set

from tests.docker.tools import ROOT

LISTINGS = ROOT / "tests" / "docker" / "boards" / "nodes.txt"
RELEASES = {
    "nano": ("r32", "# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t210ref"),
    "xavier": ("r35", "# R35 (release), REVISION: 4.1, GCID: 1, BOARD: t186ref"),
    "orin": ("r36.4", "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic"),
    "thor": ("r38", "# R38 (release), REVISION: 2.0, GCID: 1, BOARD: generic"),
    "server": ("gpu", ""),
}


@dataclass(frozen=True)
class Node:
    """One device node; `device` is its class in /proc/devices."""

    mode: str
    group: str
    gid: int
    device: str
    path: str
    opened: bool


def read_nodes(board: str) -> List[Node]:
    rows = [line.split() for line in LISTINGS.read_text().splitlines() if line and not line.startswith("#")]
    return [
        Node(mode, group, int(gid), device, path, opened == "opened")
        for name, mode, group, gid, device, path, opened in rows
        if name == board
    ]


@dataclass(frozen=True)
class MadeUpBoard:
    """root: where it lies. variables: with which the scripts see it."""

    name: str
    root: Path
    nodes: List[Node]
    variables: Dict[str, str]

    @property
    def platform(self) -> str:
        return RELEASES[self.name][0]

    @property
    def groups(self) -> Set[int]:
        """Those that a user needs for what CUDA opens."""
        return {node.gid for node in self.nodes if node.opened and not node.mode.endswith("rw-")}


def lay_out(board: str, folder: Path) -> MadeUpBoard:
    """Raises FileExistsError where the folder has one already."""
    root, programs, nodes = folder / "root", folder / "programs", read_nodes(board)
    for node in nodes:
        path = root / node.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "etc").mkdir(parents=True)
    if RELEASES[board][1]:
        (root / "etc/nv_tegra_release").write_text(RELEASES[board][1] + "\n")
    programs.mkdir()
    owners = "".join(f"  {root}{node.path}) mode={node.mode} gid={node.gid} ;;\n" for node in nodes)
    write_program(
        programs / "stat",
        f'for node; do :; done\ncase $node in\n{owners}  *) exec /usr/bin/stat "$@" ;;\nesac\n'
        'while [ $# -gt 1 ]; do [ "$1" = -c ] && format=$2; shift; done\n'
        'echo "$format" | sed -e "s/%g/$gid/" -e "s/%A/$mode/" -e "s#%n#$node#"\n',
    )
    names = "".join(f"  {gid}) echo {name}:x:{gid}: ;;\n" for name, gid in {(n.group, n.gid) for n in nodes})
    write_program(programs / "getent", f"case $2 in\n{names}  *) exit 2 ;;\nesac\n")
    variables = {"FWHT_ROOT": str(root), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    return MadeUpBoard(board, root, nodes, variables)


def write_program(path: Path, text: str) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
