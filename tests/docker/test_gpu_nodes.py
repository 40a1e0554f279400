"""Who may use the GPU: each way to start the server asks docker/gpu_nodes.txt, and gives what boards need."""

from __future__ import annotations

import os
import re
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from server.backends import gpu_nodes
from tests.docker.made_up_board import RELEASES, MadeUpBoard, lay_out, write_program
from tests.docker.test_service import MOST_EXPOSURE
from tests.docker.tools import DOCKER, ROOT, passes, run, tool, versions

PAGES = ("README.md", "docs/containers.md", "docs/jetson_nano.md")


@pytest.fixture(params=RELEASES)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> MadeUpBoard:
    return lay_out(request.param, tmp_path)


def described() -> list[tuple[set[str], str, str, str]]:
    """(platforms, use, node or class, group)."""
    lines = (DOCKER / "gpu_nodes.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(set(platforms.split(",")), use, node, group) for platforms, use, node, group in rows]


def test_every_platform_with_a_gpu_is_described() -> None:
    assert set().union(*(row[0] for row in described())) == set(versions()) - {"cpu"}
    for platform in set(versions()) - {"cpu"}:
        assert {"gpu", "open", "class"} <= {use for platforms, use, _, _ in described() if platform in platforms}


def test_the_servers_message_knows_the_same_nodes() -> None:
    assert set(gpu_nodes.OPENED) == {node[1:] for _, use, node, _ in described() if use in ("gpu", "open")}


def test_run_lines(board: MadeUpBoard) -> None:
    options = passes("docker/run_options.sh", **board.variables, PLATFORM=board.platform).split()
    runtime = ["--gpus", "all"] if board.platform == "gpu" else ["--runtime", "nvidia"]
    assert options[:2] == runtime
    assert options[2:] == [word for group in sorted(board.groups) for word in ("--group-add", str(group))]


def test_jetpack_6_needs_two_groups(tmp_path: Path) -> None:
    options = passes("docker/run_options.sh", **lay_out("orin", tmp_path).variables)
    assert options.splitlines()[-1] == "--runtime nvidia --group-add 44 --group-add 104"


def test_compose(board: MadeUpBoard) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not here: make test-docker")
    told = passes("docker/run_options.sh", "--compose", **board.variables, PLATFORM=board.platform)
    variables = dict(word.split("=") for word in told.split())
    assert variables.pop("PLATFORM") == board.platform
    command = [tool("docker-compose"), "-f", "docker/compose.yaml", "--profile", "jetson", "config"]
    service = yaml.safe_load(passes(*command, **variables))["services"]["jetson"]
    groups = {int(group) for group in service["group_add"]}
    assert board.groups <= groups <= board.groups | {44, 10001}, "10001 is the user's own"


def test_kubernetes(board: MadeUpBoard, tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not here: make test-docker")
    shutil.copytree(DOCKER / "kubernetes", tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / board.platform
    if (overlay / "groups.yaml").exists():
        told = passes("docker/run_options.sh", "--kubernetes", **board.variables, PLATFORM=board.platform)
        (overlay / "groups.yaml").write_text(told)
    manifests = list(yaml.safe_load_all(passes(tool("kubectl"), "kustomize", str(overlay))))
    pod: Any = next(one for one in manifests if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert board.groups <= set(pod["securityContext"].get("supplementalGroups", []))


def test_overlays_have_a_place_for_the_groups_that_differ() -> None:
    needs = {platform for platforms, use, _, group in described() if group == "render" for platform in platforms}
    assert {path.parent.name for path in DOCKER.glob("kubernetes/overlays/*/groups.yaml")} == needs


def test_the_unit(board: MadeUpBoard, tmp_path: Path) -> None:
    """Each node that CUDA opens is allowed by its path, or by its class in /proc/devices, as systemd matches them."""
    command = ["sh", "-c", "cd docker && exec ./install.sh"]  # from its own folder, too
    passes(*command, **board.variables, DESTDIR=str(tmp_path / "to"), PYTHON=sys.executable)
    path = tmp_path / "to/etc/systemd/system/fwht-classifier.service"
    unit = path.read_text()
    allowed = re.findall(r"^DeviceAllow=(\S+) rw$", unit, re.MULTILINE)
    for node in board.nodes:
        by_class = any(fnmatchcase(f"char-{node.device}", line) for line in allowed if line.startswith("char-"))
        assert not node.opened or node.path in allowed or by_class, node
    said = passes(tool("systemd-analyze"), "security", "--no-pager", "--offline=true", str(path))
    level = re.search(r"Overall exposure level[^:]*: ([0-9.]+)", said)
    assert level and float(level[1]) <= MOST_EXPOSURE, said
    groups = re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)
    names = {node.group for node in board.nodes if node.gid in board.groups}
    assert set(groups[0].split()) == (names or {"video"}) and len(groups) == 1
    assert "@" not in re.sub(r"=~?@[a-z-]+$", "", unit.split("[Unit]")[1], flags=re.MULTILINE)


def test_smoke(board: MadeUpBoard, tmp_path: Path) -> None:
    """The container that docker/smoke.sh starts is given the same groups as any other."""
    log = tmp_path / "log"
    text = f'echo "$*" >>"{log}"\n[ "$1 $2" != "image inspect" ] || echo {board.platform}\n'
    write_program(tmp_path / "programs/docker", text)
    run("docker/smoke.sh", "an-image", **board.variables, ENGINE="docker", NETWORK="host")
    started = next(line for line in log.read_text().splitlines() if line.startswith("run "))
    assert re.findall(r"--group-add (\d+)", started) == [str(group) for group in sorted(board.groups)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_start_containers_on_a_gpu_with_these_options(page: str) -> None:
    lines = re.findall(r"^    docker run (?:.*\\\n)*.*$", (ROOT / page).read_text(), re.MULTILINE)
    for line in lines:
        assert ":cpu" in line or "$(docker/run_options.sh)" in line, line
    assert any("$(docker/run_options.sh)" in line for line in lines)


def refusal(board: MadeUpBoard, folder: Path, groups: str) -> str:
    """What the start check says to a user who is in these groups alone, and owns no node."""
    for name in ("board_facts.sh", "startup_checks.sh", "gpu_nodes.txt"):
        shutil.copy(DOCKER / name, folder)
    script = folder / "check.sh"
    write_program(script, f'. "{folder}/board_facts.sh"\n. "{folder}/startup_checks.sh"\ncheck_gpu {board.platform}\n')
    stranger = ["setpriv", "--reuid", "65533", "--regid", "65533"] if os.geteuid() == 0 else []
    stranger += (["--groups", groups] if groups else ["--clear-groups"]) if stranger else []
    done = run(*stranger, str(script), **board.variables)
    return done.stdout if done.returncode else ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files and groups away")
def test_the_start_check_names_node_and_group(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("orin")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o011)
    board = lay_out("orin", folder)
    for node in board.nodes:
        path = board.root / node.path[1:]
        os.chown(path, 0, node.gid)
        path.chmod(0o666 if node.mode.endswith("rw-") else 0o440 if node.mode.startswith("cr--") else 0o660)
    assert refusal(board, folder, "44,104") == ""
    said = refusal(board, folder, "44")
    assert f"may not use {board.root}/dev/dri/renderD128," in said and "with --group-add 104 (" in said, said
    assert "supplementalGroups: [104]" in said and "nvmap" not in said
    said = refusal(board, folder, "")
    assert "--group-add 44 --group-add 104" in said and "supplementalGroups: [44, 104]" in said, said
