"""The command line: `python -m server [serve]`, `python -m server classify IMAGE...`, `python -m server bench URL`,
`python -m server health`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import List, Optional

from . import __version__
from .commands.read_settings import add_flags, read_settings
from .commands.show_settings import format_settings
from .errors import StartupError
from .standard_output import run_command

EPILOG = """Every flag is also an environment variable: --max-pixels is FWHT_MAX_PIXELS; the flag goes first.
The other commands: `python -m server classify --help`, labels of image files without a server,
`python -m server bench --help`, load on a running server, `python -m server health`, whether it is ready, and
`python -m server.layers --help`, the time of each layer, measured and compared."""


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit status: 0, or 2 where the process cannot serve, with the reason and the cure on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["classify"]:
            from .commands.classify import main as classify

            return classify(arguments[1:])
        if arguments[:1] == ["bench"]:
            from .bench.command import main as bench

            return bench(arguments[1:])
        if arguments[:1] == ["health"]:
            from .commands.health import main as health

            return health(arguments[1:])
        return serve_command(arguments[1:] if arguments[:1] == ["serve"] else arguments)
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def serve_command(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m server", description="Serve image classifiers over HTTP.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"fwht-classifier {__version__}")
    parser.add_argument("--print-config", action="store_true", help="Show every setting and where it came from.")
    add_flags(parser)
    flags = vars(parser.parse_args(arguments))
    print_config = flags.pop("print_config")
    settings, sources = read_settings(flags, os.environ)
    if print_config:
        print(format_settings(settings, sources))
        return 0
    from .commands.serve import serve  # loads FastAPI and ONNX Runtime, which the lines above do not need

    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
