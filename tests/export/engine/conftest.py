"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.engine.engine_command import fill_build_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """build/ with an ONNX file, golden answers and a plugin library in it."""
    return fill_build_folder(tmp_path)
