"""What all tests share: the versions at the head of a run, and the rules for tests that are skipped."""

from __future__ import annotations

import ctypes
import os
import re
import signal
from importlib import metadata
from typing import Generator, TypeVar

import pytest

# A server refuses FWHT_ variables that are none of its settings, and those that tests start inherit the environment.
for name in ("REQUIRE_GPU", "REQUIRE_TOOLS"):
    if f"FWHT_{name}" in os.environ:
        os.environ[f"TESTS_{name}"] = os.environ.pop(f"FWHT_{name}")

PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "fastapi", "starlette", "pydantic", "pillow")


# Tests run beside each other: threads of PyTorch's that wait for one another would only take the others' cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests run on the function bodies, whatever build/ holds; those of the native kernels set this variable by themselves.
os.environ["FWHT_NATIVE"] = "off"

# What a shell starts in the background ignores Ctrl-C, and so would every process that these tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="long tests in full size instead of a slice (make soak)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `soak` are those of --full alone, left out rather than skipped."""
    if not config.getoption("--full"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


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
    if item.get_closest_marker("gpu") is None or os.environ.get("TESTS_REQUIRE_GPU") == "1":
        return
    if not has_gpu():
        pytest.skip("needs an NVIDIA GPU; FWHT_REQUIRE_GPU=1 turns this skip into a failure")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return fail_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return fail_skipped(report)


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def fail_skipped(report: Report) -> Report:
    """With FWHT_REQUIRE_TOOLS=1 nothing is skipped but what needs a GPU, or TensorRT, which comes with one."""
    if os.environ.get("TESTS_REQUIRE_TOOLS") == "1" and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not re.search(r"GPU|TensorRT", reason):
            report.outcome, report.longrepr = "failed", f"FWHT_REQUIRE_TOOLS=1, and it was skipped: {reason}"
    return report


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
