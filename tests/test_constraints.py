"""constraints.txt, which `make serve` and `make test` install by, pins all that pyproject.toml asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def read_dependencies() -> list[Requirement]:
    """The project's own and those of every extra."""
    text = (ROOT / "pyproject.toml").read_text()
    text = text[text.index("\ndependencies = [") : text.index("\n[tool.")]
    return [Requirement(line) for line in re.findall(r'"([a-z][\w-]*(?:\[\w+\])?[<>=][^"\n]*)"', text)]


def read_pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", PYTHONS)
def test_one_pin_for_each_dependency(python: str, machine: str) -> None:
    environment = {"python_version": python, "python_full_version": f"{python}.18", "platform_machine": machine}
    environment |= {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    environment |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    pins: dict[str, list[Requirement]] = {}
    for pin in read_pins():
        if applies(pin, environment):
            pins.setdefault(pin.name, []).append(pin)
    dependencies = [wanted for wanted in read_dependencies() if applies(wanted, environment)]
    assert {"uvicorn", "onnxruntime", "torch", "ray", "pytest"} <= {wanted.name for wanted in dependencies}
    for wanted in dependencies:
        (pin,) = pins[wanted.name]
        (version,) = (specifier.version for specifier in pin.specifier)
        assert wanted.specifier.contains(version), f"{pin} is not {wanted}: make lock"


def test_pins_name_no_place() -> None:
    """Versions alone: where packages come from is said by pip's settings and TORCH_INDEX."""
    assert all(pin.url is None and str(pin.specifier).startswith("==") for pin in read_pins())
    assert not re.search(r"://|^-|file:", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
