"""`make native` with compilers that only pretend: what is built when, and what is said where it cannot be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from server import __version__
from tests.plugins.native import ROOT

LIBRARY, CARD = "build/libfwht_onnxruntime.so", "build/libfwht_onnxruntime.json"
# Writes its arguments to the file after -o, and a line for each call to `calls`.
COMPILER = """#!/bin/sh
case $1 in
  -dumpmachine) echo "${FAKE_MACHINE:-x86_64-linux-gnu}"; exit ;;
  --version) echo "fake 1.0"; exit ;;
esac
echo call >>calls
case "$*" in *"${FAKE_FAILS:-nothing fails}"*) echo "it does not compile" >&2; exit 1 ;; esac
all="$*"
while [ "$1" != -o ]; do shift; done
echo "$all" >"$2"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make native` needs of the repository, and a compiler."""
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "server").mkdir()
    shutil.copy(ROOT / "server" / "__init__.py", tmp_path / "server")
    compiler = tmp_path / "fake"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    return tmp_path


def run(checkout: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CXX": str(checkout / "fake"), **settings}
    return subprocess.run(
        ["plugins/build_native.sh"], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def count_calls(checkout: Path) -> int:
    path = checkout / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_compiler_at_an_odd_place(checkout: Path) -> None:
    place = checkout / "it's a [place]"
    place.mkdir()
    (checkout / "fake").rename(place / "fake")
    done = run(checkout, CXX=str(place / "fake"))
    assert done.returncode == 0, done.stderr


def test_library_and_card(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    assert f"built {LIBRARY}" in done.stdout
    card = json.loads((checkout / CARD).read_text())
    assert len(card.pop("sources")) == 64
    assert card.pop("sha256") == hashlib.sha256((checkout / LIBRARY).read_bytes()).hexdigest()
    assert card == {
        "version": __version__,
        "machine": "x86_64",
        "instruction_sets": ["avx512", "avx2", "baseline"],
        "compiler": "fake 1.0",
    }
    assert sorted(path.name for path in (checkout / "build").iterdir()) == [Path(CARD).name, Path(LIBRARY).name]


def test_a_damaged_library_is_built_anew(checkout: Path) -> None:
    run(checkout)
    calls = count_calls(checkout)
    (checkout / LIBRARY).write_bytes((checkout / LIBRARY).read_bytes()[:10])
    run(checkout)
    assert count_calls(checkout) > calls


def test_nothing_is_built_twice_and_a_change_builds_anew(checkout: Path) -> None:
    run(checkout)
    calls = count_calls(checkout)
    assert f"{LIBRARY} is up to date" in run(checkout).stdout
    assert count_calls(checkout) == calls
    for changed in ("plugins/fwht_layer/cpu_middle.h", "plugins/fwht_layer/check.cpp", "plugins/tensorrt/refuse.h"):
        with (checkout / changed).open("a") as file:
            file.write("// changed\n")
        assert "built" in run(checkout).stdout
    (checkout / LIBRARY).unlink()
    assert "built" in run(checkout).stdout
    assert "up to date" in run(checkout).stdout


def test_every_file_that_is_included_is_in_the_cards_sum(checkout: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    script = (checkout / "plugins/build_native.sh").read_text()
    sources = [*checkout.glob("plugins/onnxruntime/*.cpp"), *checkout.glob("plugins/cpu/[!k]*.cpp")]
    command = ["g++", "-std=c++14", '-DFWHT_VERSION=""', "-MM", *map(str, sources)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    included = {os.path.normpath(word) for word in listed if word.endswith((".h", ".cpp"))}
    for path in sorted(os.path.relpath(each, checkout) for each in included):
        own = path.startswith(("plugins/cpu/", "plugins/onnxruntime/")) or Path(path).name.startswith("cpu_")
        assert own or path in script, path


@pytest.mark.parametrize(("machine", "sets"), [("aarch64-linux-gnu", ["neon", "baseline"]), ("riscv64", ["baseline"])])
def test_other_machines_have_other_sets(checkout: Path, machine: str, sets: list[str]) -> None:
    assert run(checkout, FAKE_MACHINE=machine).returncode == 0
    assert json.loads((checkout / CARD).read_text())["instruction_sets"] == sets


@pytest.mark.parametrize("failing", ["kernels_avx2.cpp", "registration.cpp", "-shared"])
def test_what_does_not_compile_leaves_the_old_library(checkout: Path, failing: str) -> None:
    run(checkout)
    before = [(checkout / name).read_bytes() for name in (LIBRARY, CARD)]
    (checkout / "plugins/cpu/vector.h").write_text("changed")
    done = run(checkout, FAKE_FAILS=failing)
    assert done.returncode != 0
    assert "it does not compile" in done.stderr
    assert [(checkout / name).read_bytes() for name in (LIBRARY, CARD)] == before
    assert len(list((checkout / "build").iterdir())) == 2


def test_without_a_compiler_a_sentence_says_what_to_install(checkout: Path) -> None:
    done = run(checkout, CXX="no-such-compiler")
    assert done.returncode == 1
    assert "no C++ compiler (no-such-compiler) was found" in done.stderr
    assert "sudo apt install g++" in done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_native_runs_it(checkout: Path) -> None:
    environment = {**os.environ, "CXX": str(checkout / "fake")}
    done = subprocess.run(
        ["make", "native"], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and f"built {LIBRARY}" in done.stdout, done.stderr
