"""Threads that are started again when they die, with the reason kept for the HUD."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Supervised"]

log = logging.getLogger(__name__)


class Supervised:
    """A thread that is started again when its work raises.

    Parameters
    ----------
    name : str
        What the user would call it: "render thread".
    work : callable
        Called with the stop event; returns when that is set. Whatever it raises is kept as `fault` and logged, and
        the work is called again after a pause that doubles from 0.2 s up to 3 s.
    """

    PAUSE_S = 0.2
    LONGEST_PAUSE_S = 3.0

    def __init__(self, name: str, work: Callable[[threading.Event], None]) -> None:
        self.name = name
        self.fault: str | None = None
        self.restarts = 0
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ask the work to return and wait for it; False when it did not in time."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def recovered(self) -> None:
        """Called by the work when it is well again: the fault is no longer shown and pauses start short."""
        self.fault = None

    def _run(self) -> None:
        pause_s = self.PAUSE_S
        while not self._stop.is_set():
            try:
                self._work(self._stop)
                return
            except Exception as error:  # the show goes on whatever a thread dies of
                pause_s = self.PAUSE_S if self.fault is None else min(2 * pause_s, self.LONGEST_PAUSE_S)
                self.fault = f"{self.name} stopped ({type(error).__name__}: {error}) and was started again"
                self.restarts += 1
                log.exception("%s died", self.name)
                self._stop.wait(pause_s)
