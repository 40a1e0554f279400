"""Every test draws the same numbers, in whatever order the tests run."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)
