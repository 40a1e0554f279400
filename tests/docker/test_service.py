"""The systemd unit as `make install` writes it: systemd takes it, and finds little exposed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.docker.tools import passes, tool

MOST_EXPOSURE = 3.0


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    destination = tmp_path_factory.mktemp("destination")
    passes("docker/install.sh", DESTDIR=str(destination), PYTHON=sys.executable)
    return destination / "etc/systemd/system/fwht-classifier.service"


def test_systemd_takes_it(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    said = passes(tool("systemd-analyze"), "verify", str(copy))
    assert unit.name not in said, said


def test_exposure(unit: Path) -> None:
    said = passes(tool("systemd-analyze"), "security", "--no-pager", "--offline=true", str(unit))
    level = re.search(r"Overall exposure level[^:]*: ([0-9.]+)", said)
    assert level, said
    print(f"exposure {level[1]} of at most {MOST_EXPOSURE}")
    assert float(level[1]) <= MOST_EXPOSURE


def test_no_folder_of_the_installer_is_left_in_it(unit: Path) -> None:
    assert str(unit.parents[3]) not in unit.read_text()
