"""The mark of a test that needs an NVIDIA GPU: skipped without one, unless FWHT_REQUIRE_GPU=1 wants it to fail."""

from __future__ import annotations

import os

import pytest
import torch

without_gpu = pytest.mark.skipif(
    not torch.cuda.is_available() and os.environ.get("FWHT_REQUIRE_GPU") != "1", reason="torch sees no NVIDIA GPU"
)
