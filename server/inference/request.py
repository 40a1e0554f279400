"""One request to an engine: the one object that travels from the upload to the answer, through every thread."""

from __future__ import annotations

import math
import time
from typing import Generic, Optional, Tuple, TypeVar

import numpy as np

from ..errors import Late
from ..models.model import Model
from ..stage_times import StageTimes
from .reply import Reply

Details = TypeVar("Details")


class InferenceRequest(Generic[Details]):
    """What came in, when it must be answered, where its time went, and where its answer goes.

    Each route has a subclass, which holds the body and makes a tensor of it. Make one within the event loop, once the
    body has been read. size: bytes of the body. `deadline` is in seconds of time.monotonic. `tensor` is float32
    (N, 3, S, S), `details` what the route wants to know of it afterwards; both are there once `prepare` has returned.
    """

    def __init__(self, model: Model, size: int) -> None:
        self.model = model
        self.size = size
        self.times = StageTimes()
        self.reply: Optional[Reply[np.ndarray]] = Reply()
        self.deadline = math.inf
        self.tensor: np.ndarray = np.empty(0, np.float32)
        self.details: Details
        self._waits_since = time.perf_counter()

    def prepare(self) -> Tuple[np.ndarray, Details]:
        """Decode and check the body, in a worker thread: `tensor` and `details`. Raises ServerError."""
        raise NotImplementedError

    def load_tensor(self) -> None:
        """Take over what `prepare` returns, and begin to wait for the engine."""
        self.tensor, self.details = self.prepare()
        self._waits_since = time.perf_counter()

    def end_wait(self, now: float) -> None:
        """Count the time since it began to wait, for a thread or for the engine, up to `now` (time.perf_counter)."""
        self.times.add("queue", now - self._waits_since)

    def fits(self, other: InferenceRequest[Details]) -> bool:
        """Whether the two can be one batch; a wrong shape must fail alone."""
        return self.tensor.shape[1:] == other.tensor.shape[1:] and self.tensor.dtype == other.tensor.dtype

    def drop_if_useless(self) -> bool:
        """True where it need not run: nobody waits for it, or it is late, which is then its answer."""
        reply = self.reply
        if reply is not None and reply.wanted and time.monotonic() > self.deadline:
            reply.fail(Late("the deadline passed before the model ran: send less at once, or try again later"))
            return True
        return reply is None or not reply.wanted

    def fail(self, error: BaseException) -> None:
        """Answer with an error; from any thread, and without effect once the request is abandoned."""
        reply = self.reply  # the event loop may let it go meanwhile
        if reply is not None:
            reply.fail(error)

    def abandon(self) -> None:
        """Say that nobody waits any more.

        The reply is let go: its future holds an error, whose traceback holds frames, which hold this request. That
        reference cycle would keep the images until the garbage collector runs.
        """
        if self.reply is not None:
            self.reply.future.cancel()
        self.reply = None
