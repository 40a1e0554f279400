"""Set-up where the system's Python brings an old pip: Ubuntu 20.04, JetPack 5.1, has Python 3.8 with pip 20.0.2."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.made_up_board import write_program
from tests.docker.tools import OWN, ROOT, missing

OLD_PIP = "20.0.2"
# wheels that an arm64 machine with Ubuntu 20.04 may take: glibc 2.31
TAGS = [f"manylinux_2_{minor}_aarch64" for minor in range(31, 16, -1)] + ["manylinux2014_aarch64"]


def find_python38() -> Path:
    """One that can make virtual environments, of this machine or by uv; a shim of pyenv is none."""
    places: list[str | Path | None] = [shutil.which("python3.8"), *Path.home().glob(".pyenv/versions/3.8.*/bin/python")]
    uv = shutil.which("uv", path=f"{OWN}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv and not places[1:]:
        call(uv, "python", "install", "--no-config", "3.8", folder=ROOT)
        places.append(call(uv, "python", "find", "--no-config", "3.8", folder=ROOT).stdout.strip())
    for place in places:
        command = [str(place), "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 8))"]
        if place and subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return Path(place)
    missing("there is no Python 3.8 here: pyenv install 3.8, or make test-docker, which has uv")
    raise AssertionError("skipped or failed above")


def call(*command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))
    }
    return subprocess.run(
        command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False, timeout=300
    )


def pip_version(python: Path) -> str:
    command = [str(python), "-c", "import pip; print(pip.__version__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make` needs for a virtual environment, and a python3 that makes them as Ubuntu 20.04 does."""
    python = find_python38()
    folder = tmp_path_factory.mktemp("focal")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "docker/renew_pip.sh", "server/__init__.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "programs").mkdir()
    write_program(
        folder / "programs" / "python3",
        f'"{python}" "$@" || exit\ncase $2 in venv) ;; *) exit 0 ;; esac\n'
        f".venv/bin/python -m pip install -q --no-compile pip=={OLD_PIP}\n"
        ".venv/bin/python -m pip --version | cut -d ' ' -f 1,2 >old.txt\n"
        ".venv/bin/python -m pip download --no-deps --only-binary :all: --platform manylinux2014_aarch64"
        " --python-version 38 'onnxruntime>=1.17' >>old.txt 2>&1\nexit 0\n",
    )
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}"
    done = call("make", *arguments, folder=folder, PATH=path)
    if re.search(r"NewConnectionError|NameResolutionError|Max retries exceeded", done.stderr):
        missing(f"the package index cannot be reached: {done.stderr[-300:]}")
    return done


@pytest.fixture(scope="module")
def python(checkout: Path) -> Path:
    """The environment that make made."""
    done = make(checkout, ".venv/bin/python")
    assert done.returncode == 0, done.stderr
    return checkout / ".venv" / "bin" / "python"


def resolve(python: Path, folder: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    """Ask that environment's pip for wheels of an Xavier; it downloads metadata only."""
    platforms = [part for tag in TAGS for part in ("--platform", tag)]
    command = [str(python), "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--target", "nowhere"]
    command += ["--only-binary", ":all:", "--python-version", "3.8.10", "--implementation", "cp", *platforms]
    return call(*command, "-c", "constraints.txt", *packages, folder=folder)


def dependencies(extra: str) -> list[str]:
    text = (ROOT / "pyproject.toml").read_text()
    own = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    more = re.search(rf"^{extra} = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert own and more
    found: list[str] = re.findall(r'"([^"]+)"', own[1] + more[1])
    return found


def test_make_renews_a_pip_that_is_too_old(python: Path) -> None:
    """The pip that the system brings knows no manylinux_2_27, which ONNX Runtime's wheels for arm64 are."""
    assert int(pip_version(python).split(".")[0]) >= 23


@pytest.mark.parametrize("extra", ["cpu", "tensorrt"])
def test_all_that_serving_needs_is_a_wheel_on_jetpack_5(python: Path, checkout: Path, extra: str) -> None:
    done = resolve(python, checkout, *dependencies(extra))
    assert done.returncode == 0, done.stderr


def test_the_old_pip_finds_no_onnxruntime(python: Path, checkout: Path) -> None:
    """What the renewal is for: this is what a board says without it."""
    assert (checkout / "old.txt").read_text().split("\n")[0] == f"pip {OLD_PIP}"
    assert "No matching distribution found for onnxruntime" in (checkout / "old.txt").read_text()


def test_a_new_pip_is_left_alone(tmp_path: Path) -> None:
    """Without network, too: the interpreter that runs the tests keeps the pip it has."""
    before = pip_version(Path(sys.executable))
    done = call(str(ROOT / "docker/renew_pip.sh"), sys.executable, folder=tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/")
    assert done.returncode == 0 and pip_version(Path(sys.executable)) == before, done.stderr


def test_engines_are_built_without_onnxruntime(checkout: Path, python: Path) -> None:
    """On a device with TensorRT alone, `make engine` installs the least; what is there already is left."""
    planned = make(checkout, "-n", "-o", "plugin", "engine").stdout
    assert "'.[tensorrt]'" in planned and "'.[cpu]'" not in planned
    assert planned.index("docker/renew_pip.sh .venv/bin/python") < planned.index("'.[tensorrt]'"), (
        "one made by hand, too"
    )
    assert not {"onnx", "onnxruntime"} & {re.split(r"[^\w-]", name)[0] for name in dependencies("tensorrt")}
    (checkout / ".venv/.serving-cpu").touch()
    planned = make(checkout, "-n", "-o", "plugin", "engine").stdout
    assert "'.[tensorrt]'" not in planned
    assert "'.[tensorrt]'" in make(checkout, "-n", "serve", "RUNTIME=tensorrt").stdout
