"""Any path works in any make target: what is said reaches the program as it was said, whatever is in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.families import find_baseline

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, flags=re.MULTILINE)
ODD = ("it's [1] (x) {y} 花", '-dash "q" `x` a#b;c&d|e', "Blüten pri$e a*b?.jpg")
# Which variables a target hands on, and how the program gets each: after an option (`--data` two words, `--name=` one),
# or "" as a word of its own. A target that is not here takes no variable (but PYTHON, and words as FWHT_... from the
# environment), which is tested, too.
HANDED: dict[str, dict[str, str]] = {
    "serve": {"NAME": "--models", "PORT": "--port="},
    "classify": {"NAME": "--model", "IMAGE": ""},
    "bulk": {"SRC": "", "DST": "", "NAME": "--model"},
    "profile": {"NAME": "", "IMAGE": "--image", "BATCH": "--batch=", "PRECISION": "--precision="},
    "compare": {"MODELS": "", "IMAGE": "--image", "BATCH": "--batch=", "PRECISION": "--precision="},
    "train": {"MODEL": "--model=", "DATA": "--data", "NAME": "--name="},
    "transfer": {"DATA": "--data", "NAME": "--name="},
    "pretrained": {"NAME": "--name="},
    "train-all": {"DATA": "--data"},
    "report-model": {"NAME": "", "CHECKPOINT": "--checkpoint", "DATA": "--data"},
    "onnx": {"NAME": "", "CHECKPOINT": "--checkpoint", "DATA": "--data"},
    "accuracy": {"DATA": "--data"},
    "engine": {"NAME": "", "PRECISION": "--precision="},
}
# What runs an interpreter and takes no more than ARGS, and what runs programs of its own.
PLAIN = ("ship", "lint", "audit", "test", "bench", "soak")
OWN: tuple[str, ...] = (
    "help",
    "setup",
    "plugin",
    "native",
    "test-oldest",
    "lock",
    "image",
    "install",
    "uninstall",
    "doctor",
    "report",
)
OWN += ("test-docker", "test-image", "test-arm", "bench-plugin", "clean")
RECORDER = """#!{python}
import json, sys
open({log!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """An interpreter, at an odd place, that writes down what it was called with."""
    folder = tmp_path / "it's a [place] ü"
    folder.mkdir()
    program = folder / "py thon"
    program.write_text(RECORDER.format(python=sys.executable, log=str(tmp_path / "log")))
    program.chmod(0o755)
    return program


def run_make(recorder: Path, target: str, said: dict[str, str], by_environment: bool = False) -> list[list[str]]:
    """The arguments of every call of the interpreter."""
    log = recorder.parents[1] / "log"
    log.unlink(missing_ok=True)
    told = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "NAME", "MODEL", "DATA")
    environment = {key: value for key, value in os.environ.items() if key not in told}
    environment |= {"FWHT_NATIVE": "off", **(said if by_environment else {})}
    words = [] if by_environment else [f"{key}={value}" for key, value in said.items()]
    # `plugin` counts as made: this is about the words that the engine builder gets.
    command = ["make", "--old-file=plugin", target, f"PYTHON={recorder}", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in log.read_text().splitlines()]


def received(arguments: list[str], option: str) -> list[str]:
    """The values of an option, or all words but the module's name and options."""
    if option.endswith("="):
        return [word[len(option) :] for word in arguments if word.startswith(option)]
    return [arguments[i + 1] for i, word in enumerate(arguments[:-1]) if word == option] if option else arguments


def test_every_target_is_looked_at() -> None:
    assert sorted(TARGETS) == sorted([*HANDED, *PLAIN, *OWN])


@pytest.mark.parametrize("target", HANDED)
def test_a_program_gets_what_was_said(target: str, recorder: Path) -> None:
    names = HANDED[target]
    for i, odd in enumerate(ODD):
        said = {name: f"{odd} {name}" for name in names}
        (arguments,) = run_make(recorder, target, said, by_environment=i % 2 == 1)
        for name, option in names.items():
            value = f"{odd} {name}"
            wanted = f"./{value}" if value.startswith("-") and not option.endswith("=") else value
            if name == "IMAGE":  # no such file: several, said as words
                assert all(word in arguments for word in value.split() if not word.startswith("-")), (odd, arguments)
            else:
                assert wanted in received(arguments, option), (odd, name, arguments)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "models").glob("fwht*.onnx")))
def test_a_shipped_hybrid_is_compared_with_its_baseline(name: str, recorder: Path) -> None:
    (arguments,) = run_make(recorder, "compare", {"NAME": name})
    assert arguments[3] == f"{find_baseline(name)},{name}"


def test_an_image_with_blanks_is_one_and_words_are_several(recorder: Path, tmp_path: Path) -> None:
    for odd in ODD:
        image = tmp_path / odd
        image.touch()
        (arguments,) = run_make(recorder, "classify", {"IMAGE": str(image)})
        assert arguments[-1] == str(image)
    (arguments,) = run_make(recorder, "profile", {"IMAGE": "no.jpg tests/data/c*.jpg it's.jpg"})
    assert received(arguments, "--image") == ["no.jpg", "tests/data/cat.jpg", "it's.jpg"]


def test_home_stays_home_and_args_stay_the_shell_s(recorder: Path) -> None:
    (arguments,) = run_make(recorder, "train", {"DATA": "~/my flowers", "ARGS": "--epochs 3 --teacher 'a b'"})
    assert received(arguments, "--data") == [str(Path.home() / "my flowers")]
    assert arguments[-4:] == ["--epochs", "3", "--teacher", "a b"]


def test_a_name_that_was_not_said_is_not_handed_on(recorder: Path) -> None:
    (arguments,) = run_make(recorder, "train", {"DATA": "flowers"})
    assert received(arguments, "--name=") == []
    (arguments,) = run_make(recorder, "serve", {})
    assert arguments == ["-m", "server", "serve"]


@pytest.mark.parametrize("target", ["ship", "lint", "bench", "audit", "test"])
def test_an_interpreter_at_an_odd_place(target: str, recorder: Path) -> None:
    if target == "ship":  # moves what the exporter made, and this one makes nothing
        done = subprocess.run(["make", "-n", target, f"PYTHON={recorder}"], cwd=ROOT, capture_output=True, text=True)
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False).returncode == 0
        assert "it'\\''s a [place]" in done.stdout
        return
    assert run_make(recorder, target, {"JOBS": "0"})


def test_a_line_break_is_refused(recorder: Path) -> None:
    command = ["make", "train", f"PYTHON={recorder}", "DATA=two\nlines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "DATA holds a line break: rename what it names" in done.stderr


def test_no_recipe_holds_a_variable_of_the_user_s_bare() -> None:
    """But ARGS, which is the shell's, and STEPS, whose words are quoted one by one."""
    known = {"RUN", "ARGS", "ARCHITECTURES", "MAKE", "PIP_FLAGS", "PARALLEL", "COVERAGE", "DEVICE", "STEPS", "step"}
    known |= {"SERVE_FLAGS", "MEASURE_FLAGS", "DATA_FLAG", "NAME_FLAG", "try_native", "need_pycuda"}
    for target in TARGETS:
        (recipe,) = re.findall(rf"^{target}:.*## .*\n((?:\t.*\n)*)", MAKEFILE, flags=re.MULTILINE)
        assert set(re.findall(r"\$\((\w+)\)", recipe)) <= known, target
