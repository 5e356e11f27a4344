"""`Refusals`: why messages are dropped, told on the HUD no faster than it can be read, and once in the log."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from bentlight.clock import now_s

__all__ = ["Refusals"]

log = logging.getLogger(__name__)


class Refusals:
    """Sentences about what was dropped, from any thread, for somebody who glances at the HUD.

    A sentence is shown for six seconds from the first message of a run, and again once what it is about has been still
    for three: a phone that streams its accelerometer to an address that is not known does not stand there all evening,
    and a fader tried once more is told once more. Each stays for two seconds before another takes its place.

    Parameters
    ----------
    clock : callable, optional
        Host clock in seconds.
    """

    SHOWN_S = 6.0
    HELD_S = 2.0
    STILL_S = 3.0
    LONGEST = 200
    """Letters of a sentence; a message may hold a text of any length."""
    KEPT = 64
    """Things remembered, and sentences logged, at most."""

    def __init__(self, *, clock: Callable[[], float] = now_s) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_s: dict[str, float] = {}
        self._logged: set[str] = set()
        self._fresh = self._shown = ("", -math.inf)
        self._held_until_s = -math.inf

    def note(self, about: str, sentence: str) -> None:
        """Take in why a message was dropped; `about` is the same for every message of a run, whatever its value."""
        told = sentence if len(sentence) <= self.LONGEST else sentence[: self.LONGEST - 1] + "…"
        with self._lock:
            now = self._clock()
            if now - self._last_s.pop(about, -math.inf) > self.STILL_S:
                self._fresh = (told, now + self.SHOWN_S)
            self._last_s[about] = now
            if len(self._last_s) > self.KEPT:
                del self._last_s[next(iter(self._last_s))]
            unsaid = about not in self._logged and len(self._logged) < self.KEPT
            if unsaid:
                self._logged.add(about)
        if unsaid:
            log.warning("%s", told)

    def warnings(self) -> list[str]:
        """Return what the HUD should say now: one sentence, or none."""
        with self._lock:
            now = self._clock()
            if self._fresh != self._shown and now >= min(self._held_until_s, self._shown[1]):
                self._shown, self._held_until_s = self._fresh, now + self.HELD_S
            sentence, until_s = self._shown
            return [sentence] if now < until_s else []
