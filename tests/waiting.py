"""Waiting on conditions, under generous ceilings."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

import pytest

__all__ = ["cannot_run", "free_port", "wait_until"]


def wait_until(condition: Callable[[], bool], ceiling_s: float, what: str) -> None:
    """Return as soon as `condition` holds; fail the test when it does not within `ceiling_s`."""
    pause = threading.Event()
    deadline = time.monotonic() + ceiling_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {ceiling_s:g} s in vain for {what}")
        pause.wait(0.02)


def cannot_run(reason: str) -> None:
    """Leave a test that this machine cannot run; where `CI` is set that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"cannot be run, and CI is set: {reason}")
    pytest.skip(reason)


def free_port() -> int:
    """Return a UDP port that nothing listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
