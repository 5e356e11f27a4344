"""`private_pulse` for tests: skipped, or failed under CI, where it cannot be run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from live.stand_ins import sound_server
from live.stand_ins.sound_server import RATE, PrivatePulse
from tests.waiting import cannot_run

__all__ = ["RATE", "PrivatePulse", "private_pulse"]


@contextlib.contextmanager
def private_pulse() -> Iterator[PrivatePulse]:
    """Run a private sound server, and lead this process and its children to it."""
    if reason := sound_server.missing():
        cannot_run(reason)
    with sound_server.private_pulse() as server:
        yield server
