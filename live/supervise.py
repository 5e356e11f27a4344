"""Threads that are started again when they die, with the reason kept for the HUD."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bentlight.clock import now_s

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
        the work is called again after a pause of 0.2 s. The pause doubles up to 3 s while the work dies young, within
        five seconds. Work that calls `recovered` when something went well has its fault forgotten.
    clock : callable, optional
        Host clock in seconds.

    Attributes
    ----------
    fault : str or None
        Why the work died last, for the HUD.
    restarts : int
    """

    PAUSE_S = 0.2
    LONGEST_PAUSE_S = 3.0
    WELL_S = 5.0

    def __init__(
        self, name: str, work: Callable[[threading.Event], None], *, clock: Callable[[], float] = now_s
    ) -> None:
        self.name = name
        self.fault: str | None = None
        self.restarts = 0
        self._work, self._clock = work, clock
        self._died_s = 0.0
        self._pause_s = 0.0
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

    def recovered(self) -> None:
        """Called by the work when something went well: a fault that has been shown for five seconds is forgotten."""
        if self.fault is not None and self._clock() - self._died_s > self.WELL_S:
            self.fault = None

    def _run(self) -> None:
        while not self._stop.is_set():
            began_s = self._clock()
            try:
                self._work(self._stop)
                return
            except Exception as error:  # the show goes on whatever a thread dies of
                self._died_s = self._clock()
                if self._died_s - began_s > self.WELL_S:
                    self._pause_s = 0.0
                self._pause_s = min(max(2 * self._pause_s, self.PAUSE_S), self.LONGEST_PAUSE_S)
                self.fault = f"{self.name} stopped ({type(error).__name__}: {error}) and was started again"
                self.restarts += 1
                log.exception("%s died", self.name)
                self._stop.wait(self._pause_s)
