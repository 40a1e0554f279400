"""What not everybody has. A test that needs it is skipped and says so, or fails with FWHT_REQUIRE_TOOLS=1."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks.harness.nginx import find_nginx

BULK = "the bulk extra is not installed: pip install '.[bulk]'"


def need_bulk() -> None:
    """At the head of a module or of a test."""
    if any(find_spec(package) is None for package in ("ray", "pyarrow", "pandas")):
        skip_or_fail(BULK)


def need_nginx() -> None:
    try:
        find_nginx()
    except SystemExit as error:
        skip_or_fail(str(error))


def skip_or_fail(reason: str) -> None:
    pytest.skip(f"{reason} (FWHT_REQUIRE_TOOLS=1 turns this skip into a failure)", allow_module_level=True)
