"""What all tests share: the versions at the head of a run, and the rule for tests that need a GPU."""

from __future__ import annotations

import ctypes
import os
import signal
from importlib import metadata

import pytest

PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "fastapi", "starlette", "pydantic", "pillow")


# What a shell starts in the background ignores Ctrl-C, and so would every process that these tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    return "packages: " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def version(package: str) -> str:
    """The server's tests run without PyTorch, too."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not there"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `gpu` where there is none, unless FWHT_REQUIRE_GPU=1 wants it to fail."""
    if item.get_closest_marker("gpu") is None or os.environ.get("FWHT_REQUIRE_GPU") == "1":
        return
    if not has_gpu():
        pytest.skip("needs an NVIDIA GPU; FWHT_REQUIRE_GPU=1 turns this skip into a failure")


def has_gpu() -> bool:
    try:
        import torch  # late: most tests of the server do without
    except ImportError:
        return driver_has_gpu()
    return torch.cuda.is_available()


def driver_has_gpu() -> bool:
    """The plugin's tests need neither PyTorch nor ONNX Runtime: they ask the driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return bool(driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0)
