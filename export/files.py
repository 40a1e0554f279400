"""Writing files: the same as in `server`, which writes reports on devices that have no `export`."""

from __future__ import annotations

from server.files import write_atomically

__all__ = ["write_atomically"]
