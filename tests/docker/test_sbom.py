"""The bill of materials, of this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.docker.tools import DOCKER, missing

pytestmark = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs a Debian or Ubuntu")


@pytest.fixture(scope="module")
def text() -> str:
    command = [sys.executable, str(DOCKER / "sbom.py"), "fwht-classifier:cpu", "1.2.3"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_all_kinds_of_packages_are_in_it(text: str) -> None:
    bill: dict[str, Any] = json.loads(text)
    urls = [part["purl"] for part in bill["components"]]
    assert any(url.startswith("pkg:pypi/fastapi@") for url in urls)
    assert any(url.startswith("pkg:deb/debian/libc6@") or url.startswith("pkg:deb/ubuntu/libc6@") for url in urls)
    assert len(urls) == len(set(urls))
    assert bill["metadata"]["component"]["version"] == "1.2.3"


def test_cyclonedx_takes_it(text: str) -> None:
    try:
        from cyclonedx.exception import MissingOptionalDependencyException
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError:
        missing("cyclonedx-python-lib is not here: make test-docker")
    try:
        problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    except MissingOptionalDependencyException as error:
        missing(f"{error}: make test-docker")
    assert problem is None, problem
