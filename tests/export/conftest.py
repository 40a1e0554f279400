"""What the tests with PyTorch share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

try:
    import torch
except ImportError:  # the tests of export/engine do without, as a device does
    collect_ignore = ["data", "models", "ops", "to_onnx", "train"]


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test draws the same numbers, in whatever order the tests run."""
    if "collect_ignore" not in globals():
        torch.manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads that wait for each other's next word become very slow where other work holds the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
