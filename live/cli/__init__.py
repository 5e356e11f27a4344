"""The command line. Exit status: 0 done, 2 bad usage or input (one sentence on stderr), 1 a fault of ours."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status; this is the `bentlight` program."""
    from live.cli.app import run

    return run(sys.argv[1:] if arguments is None else arguments)
