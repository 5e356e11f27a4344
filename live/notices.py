"""`Notices`: sentences that the performer is shown for some seconds."""

from __future__ import annotations

import logging
import threading

from bentlight.clock import now_s

__all__ = ["SHOWN_S", "Notices"]

log = logging.getLogger(__name__)

SHOWN_S = 6.0


class Notices:
    """What is to be said for some seconds, and logged; told by any thread."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}
        self._telling = threading.Lock()

    def tell(self, text: str) -> None:
        """Show a sentence from now on; one that is shown already is the newest again."""
        log.info(text)
        now = now_s()
        with self._telling:
            waiting = {told: until_s for told, until_s in self._until_s.items() if until_s > now and told != text}
            self._until_s = {**waiting, text: now + SHOWN_S}

    def shown(self) -> list[str]:
        """Return what is to be seen now, the newest first: there is room for few."""
        now = now_s()
        return [text for text, until_s in reversed(self._until_s.items()) if until_s > now]
