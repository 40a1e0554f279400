"""README and Makefile: links lead somewhere, targets and options exist, the tables are the ones the results make."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.pages.renew import PAGES as PAGES_WITH_TABLES
from benchmarks.pages.renew import renewed
from benchmarks.pages.results import result
from export.train.options import parse_options

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/data/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text())
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


def make(*arguments: str) -> str:
    """What make would run, without running it."""
    command = ["make", "--dry-run", "--always-make", "MAKE=true", "PYTHON=python", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_make_line_of_the_readme_is_understood() -> None:
    lines = re.findall(r"^    (make [^#\n]*)", README, flags=re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        words = re.findall(r"[A-Z]+='[^']*'|\S+", line)[1:]
        assert make(*[word.replace("'", "") for word in words]), line


def test_training_options_of_the_readme_exist() -> None:
    (line,) = re.findall(r"^    make train (.*)$", README, flags=re.MULTILINE)
    (options,) = re.findall(r"ARGS='([^']*)'", line)
    parse_options(["--model", "fwht_mobilenet_v2", "--data", ".", "--name", "x", *options.split()])


def test_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [target for target in phony.split() if not re.search(rf"^  {target} ", shown, flags=re.MULTILINE)] == []


def test_train_without_data_says_what_is_missing() -> None:
    done = subprocess.run(["make", "train", "PYTHON=python"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "say which images" in done.stderr


@pytest.mark.parametrize("page", PAGES_WITH_TABLES)
def test_tables_are_those_of_the_results(page: str) -> None:
    text = (ROOT / page).read_text()
    assert renewed(text, page) == text, "run `python -m benchmarks.pages.renew`"


def test_the_accuracy_is_that_of_the_shipped_files() -> None:
    measured = result("accuracy")["models"]
    cards = {path.stem: json.loads(path.with_suffix(".json").read_text()) for path in ROOT.glob("models/*.safetensors")}
    assert measured.keys() == cards.keys(), "run `make accuracy DATA=...` and benchmarks.pages.renew --renew accuracy"
    for name, card in cards.items():
        row = measured[name]
        assert (row["weights_sha256"], row["parameters"]) == (card["sha256"], card["parameters"]), name
        assert row["onnx_bytes"] == (ROOT / "models" / f"{name}.onnx").stat().st_size, name
        assert row["engines"]["pytorch fp32"]["images"] == 10_000, name


def test_pages_name_no_place_of_one_machine() -> None:
    found = [page.name for page in PAGES if re.search(r"(?<![\w.])/(home|work|root|tmp)/", page.read_text())]
    assert found == []
