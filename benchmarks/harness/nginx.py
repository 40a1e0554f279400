"""Where the program nginx is."""

from __future__ import annotations

import os
import shutil


def find_nginx() -> str:
    """The program's path, which for users other than root is not on PATH. Raises SystemExit where it is missing."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit("nginx is not installed: apt install nginx")
    return found
