"""The command line. Exit status: 0 done, 2 bad usage or input (one sentence on stderr), 1 a fault of ours."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys
import threading

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status; this is the `bentlight` program."""
    from live.cli.app import run

    if arguments is not None:
        return run(arguments)
    _keep_stderr()
    status = run(sys.argv[1:])
    _leave(status)
    return status


def _keep_stderr() -> None:
    """Let what is told reach the terminal whatever becomes of descriptor 2.

    sounddevice points that away while PortAudio starts, which in a sound server that hangs takes for ever.
    """
    with contextlib.suppress(OSError):
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")


def _leave(status: int) -> None:
    """End the program here where a thread is still at work, such as one that loads torch or opens a graph.

    Everything is closed and written by now. Python would end the thread in the midst of C++, which aborts the program:
    "terminate called without an active exception".
    """
    if any(thread.daemon and thread is not threading.current_thread() for thread in threading.enumerate()):
        for child in multiprocessing.active_children():
            child.terminate()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
