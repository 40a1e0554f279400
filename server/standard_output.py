"""Standard output, which whoever reads it may stop reading."""

from __future__ import annotations

import os
import select
import sys
from typing import Callable

EXIT_PIPE = 141  # what a shell reports of a program that SIGPIPE ended
OUTPUT = 1


def run_command(command: Callable[[], int]) -> int:
    """The exit status of a command; EXIT_PIPE, without a word, where its output is read no more (`... | head`)."""
    try:
        status = command()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not _is_unread():
            raise  # another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), OUTPUT)  # else the interpreter fails at its own last flush
        return EXIT_PIPE


def _is_unread() -> bool:
    """Whether the reading end of standard output is closed; taken for granted where that cannot be asked (Windows)."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(OUTPUT, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
