"""How a training command ends: its exit status, and what it says where it could not, or was asked to stop."""

from __future__ import annotations

import sys
from typing import Callable

from export.models.checkpoint import CheckpointError
from export.train.state import TrainingError
from export.train.stop_signals import EXIT_INTERRUPTED, EXIT_TIME_IS_UP, StopRequested

ERRORS = (TrainingError, CheckpointError, ValueError, OSError)


def run_command(
    work: Callable[[], None], errors: tuple[type[Exception], ...] = ERRORS, again: str = "the same command"
) -> int:
    """Exit status of `work`: 0 done, 1 one of `errors`, 75 time is up, 130 interrupted. again: what goes on."""
    try:
        work()
    except errors as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except StopRequested as stop:
        why = "time is up" if stop.exit_status == EXIT_TIME_IS_UP else "interrupted"
        print(f"{why}; the state is saved: {again} goes on from here")
        return stop.exit_status
    except KeyboardInterrupt:
        print(f"stopped at once; {again} goes on from the last save, if there was one")
        return EXIT_INTERRUPTED
    return 0
