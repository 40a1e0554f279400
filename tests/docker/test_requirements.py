"""The pinned Python packages of the images: complete, and every one a wheel for the board's Python and C library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Tuple

import pytest
from packaging.specifiers import SpecifierSet

from tests.docker.tools import DOCKER, ROOT, missing, versions

# The C library (2.x) and the Python of each platform's image.
SYSTEMS = {
    "r32": (27, "3.8"),
    "r35": (31, "3.8"),
    "r36.3": (35, "3.10"),
    "r36.4": (35, "3.10"),
    "r38": (39, "3.12"),
    "r39": (39, "3.12"),
    "gpu": (39, "3.12"),
    "cpu": (41, "3.13"),
}

Target = Tuple[str, str, str, int]  # requirements, Python, machine, C library


def pins(name: str) -> dict[str, str]:
    text = (DOCKER / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def target(platform: str, machine: str) -> Target:
    glibc, python = SYSTEMS[platform]
    return versions()[platform]["REQUIREMENTS"], python, machine, glibc


# Seconds for each: the oldest and the newest, and all with `make test-docker`.
ALL = os.environ.get("TESTS_REQUIRE_TOOLS") == "1"
ARM = SYSTEMS if ALL else ("r32", "cpu")
X86 = ("gpu", "cpu") if ALL else ()
TARGETS = sorted({target(name, "aarch64") for name in ARM} | {target(name, "x86_64") for name in X86})


def resolve(wanted: Target, report: Path) -> subprocess.CompletedProcess[str]:
    """Ask pip as if on that machine: for each line a wheel, no other, with a known hash. It downloads metadata only."""
    requirements, python, machine, glibc = wanted
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(glibc, 16, -1)] + [f"manylinux2014_{machine}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("PIP_FIND_LINKS", "PIP_INDEX_URL")}
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", str(report)]
    command += ["--ignore-installed", "--target", str(report.parent / "nowhere"), "--require-hashes"]
    # of the interpreter that runs pip; it is checked below for the one that was asked for
    command += ["--ignore-requires-python", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", python, *(part for tag in tags for part in ("--platform", tag))]
    command += ["-r", str(DOCKER / "requirements" / f"{requirements}.txt")]
    return subprocess.run(
        command, env={**environment, "PIP_CONFIG_FILE": os.devnull}, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Dict[Target, Tuple[subprocess.CompletedProcess[str], Path]]:
    """All at once: most of the time goes by in waiting for the package index."""
    folder = tmp_path_factory.mktemp("reports")
    reports = [folder / f"{number}.json" for number in range(len(TARGETS))]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(resolve, TARGETS, reports))
    return {wanted: (result, report) for wanted, result, report in zip(TARGETS, results, reports)}


@pytest.mark.parametrize("wanted", TARGETS, ids=lambda wanted: "-".join(map(str, wanted)))
def test_every_pin_is_a_wheel_there(
    wanted: Target, resolved: Dict[Target, Tuple[subprocess.CompletedProcess[str], Path]]
) -> None:
    result, report = resolved[wanted]
    if re.search(r"NewConnectionError|NameResolutionError|Max retries exceeded", result.stderr):
        missing(f"the package index cannot be reached: {result.stderr[-300:]}")
    assert result.returncode == 0, result.stderr
    found = json.loads(report.read_text())["install"]
    assert {part["metadata"]["name"].lower().replace("_", "-") for part in found} == set(pins(wanted[0]))
    for part in found:
        assert part["download_info"]["url"].endswith(".whl")
        assert wanted[1] in SpecifierSet(part["metadata"].get("requires_python", ""))


@pytest.mark.parametrize("platform", versions())
def test_nothing_is_missing_from_the_pins(platform: str) -> None:
    """The project's own dependencies are pinned for every platform, ONNX Runtime where nothing else runs models."""
    found = pins(versions()[platform]["REQUIREMENTS"])
    project = re.search(r"^dependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert project
    wanted = set(re.findall(r'"([a-z0-9-]+)', project[1])) | {"dumb-init"}
    wanted |= {"onnx", "onnxruntime"} if platform == "cpu" else {"mako", "platformdirs", "pytools"}
    assert wanted <= set(found)
    assert ("onnxruntime" in found) == (platform == "cpu")


def test_every_pin_has_hashes() -> None:
    for path in (DOCKER / "requirements").glob("*.txt"):
        for block in re.split(r"^(?=[a-z0-9-]+==)", path.read_text(), flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in block, f"{path.name}: {block}"
