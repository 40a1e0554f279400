"""README, docs/ and Makefile: links lead somewhere, targets and options exist, the tables are what the results make."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.pages.renew import PAGES as PAGES_WITH_TABLES
from benchmarks.pages.renew import renew_page
from benchmarks.pages.results import read_result
from export.train.options import parse_options
from tests.test_floors import FLOOR

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
README_LINES = 150
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/data/*.md")]
MAKE_PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= README_LINES, "what a first visitor does not need belongs in docs/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text())
    local = [(page.parent / file if file else page, anchor) for file, anchor in links if "://" not in file]
    assert [f"{file.name}#{anchor}" for file, anchor in local if anchor not in list_anchors(file)] == []


def list_anchors(page: Path) -> list[str]:
    """The anchors of a page's headings, as GitHub makes them: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), flags=re.M)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_anchors_are_made_as_github_does(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `make` it, please: 1 / 2\n```sh\n# no heading\n```\n## Where is what\n")
    assert list_anchors(page) == ["make-it-please-1--2", "where-is-what"]


def test_the_index_has_every_page() -> None:
    rows = re.findall(
        r"^\| \[[^]]+\]\(([^)]+)\) \| (.+) \|$", (ROOT / "docs/README.md").read_text(), flags=re.MULTILINE
    )
    listed = {target for target, question in rows if question.endswith("?")}
    assert {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"} - listed == set()


def test_the_architecture_has_every_room() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = FLOOR.keys() - {"export", "benchmarks"}  # two packages that hold nothing but their rooms
    assert [room for room in sorted(rooms) if f"`{room.replace('.', '/')}`" not in page] == []


def make(*arguments: str) -> str:
    """What make would run, without running it."""
    command = ["make", "--dry-run", "--always-make", "MAKE=true", "PYTHON=python", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("page", MAKE_PAGES, ids=lambda page: page.name)
def test_every_make_line_is_understood(page: Path) -> None:
    lines = re.findall(r"^ {4,}(?:sudo )?(make [^#\n&]*)", page.read_text(), flags=re.MULTILINE)
    assert len(lines) >= 5 or page != ROOT / "README.md"
    for line in lines:
        words = re.findall(r"[A-Z_]+='[^']*'|\S+", line)[1:]
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
    assert renew_page(text, page) == text, "run `python -m benchmarks.pages.renew`"


def test_the_accuracy_is_that_of_the_shipped_files() -> None:
    measured = read_result("accuracy")["models"]
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
