"""A model while it is served: with the queue before its engine, and the count of those who use it."""

from __future__ import annotations

import threading
from typing import Optional, Sequence

from ..errors import Busy
from ..models.model import Model
from ..profiling.report import LayerReport
from .batching import Batcher


class ServedModel:
    """Once it is retired, the last user to release it closes its engine; until then all of them are answered.

    `acquire` and `release` may be called from any thread; Catalogue.use pairs them.
    """

    def __init__(self, model: Model, batcher: Batcher) -> None:
        self.model = model
        self.batcher = batcher
        self._lock = threading.Lock()  # guards both below
        self._users = 0
        self._retired = False

    def acquire(self) -> bool:
        """Count one user more. False where the model is closed: it must not be used any more."""
        with self._lock:
            if self._retired and not self._users:
                return False
            self._users += 1
            return True

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            last = self._retired and not self._users
        if last:
            self._close()

    def retire(self) -> None:
        """Take no new users from now on than those who find it in use; call it once."""
        with self._lock:
            self._retired = True
            unused = not self._users
        if unused:
            self._close()

    def profile(self, files: Sequence[bytes], runs: Optional[int] = None) -> LayerReport:
        """See Model.profile. It is a user of its own, since it may run on after the client that asked has gone."""
        if not self.acquire():
            raise Busy("the model is being replaced: try again in a second")
        try:
            return self.model.profile(files, runs)
        finally:
            self.release()

    def _close(self) -> None:
        """In a thread of its own: the caller may be the event loop, and a run that nobody waits for may still go on."""
        threading.Thread(target=self._close_when_idle, name=f"close-{self.model.name}", daemon=True).start()

    def _close_when_idle(self) -> None:
        self.batcher.wait_until_idle()
        self.model.close()
