"""An engine whose runs a test holds back and lets go, so that what meets in the queue is no matter of time."""

from __future__ import annotations

import threading
import time
from typing import Callable

import numpy as np

from server.backends.backend import noop
from server.profiling.report import LayerReport

GUARD_S = 20.0  # only a hang takes this long


class GatedEngine:
    """Answers each image with its own values: logits (N, K) are the first K values of the image, times ten.

    runs: the number of images of every run begun. Every run waits until `gate` is set. error: what runs raise.
    """

    def __init__(self, classes: int = 4, max_batch: int | None = None) -> None:
        self.name, self.precision, self.provider = "gated", "fp32", "cpu"
        self.problem: str | None = None
        self.kernels: str | None = None
        self.classes = classes
        self.max_batch = max_batch
        self.runs: list[int] = []
        self.threads: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def start(self, work: Callable[[], None]) -> None:
        work()

    def infer(self, batch: np.ndarray, meanwhile: Callable[[], None] = noop) -> np.ndarray:
        meanwhile()
        self.runs.append(len(batch))
        self.threads.append(threading.get_ident())
        assert self.gate.wait(GUARD_S)
        if self.error:
            raise self.error
        return 10 * batch.reshape(len(batch), -1)[:, : self.classes]

    def profile(self, batch: np.ndarray, runs: int | None = None) -> LayerReport:
        raise NotImplementedError

    def close(self) -> None:
        pass


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for another thread; fail where it does not come."""
    end = time.monotonic() + GUARD_S
    while not true():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.001)
