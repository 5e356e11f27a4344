"""`InputChoice`: going through the sound inputs by hand, without waiting for the sound server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bentlight.errors import BentlightError

if TYPE_CHECKING:
    from live.capture.ears import Ears

__all__ = ["InputChoice"]

log = logging.getLogger(__name__)


class InputChoice:
    """Looks for the next sound input on a thread of its own, one look at a time.

    A sound server that hangs takes two seconds of each look. What is pressed meanwhile is counted and gone by the next
    look at once: three presses are three inputs on, and the last of them waits for two looks at most.

    Parameters
    ----------
    ears : Ears
    notice : callable
        Shows a sentence to the performer for some seconds.
    """

    def __init__(self, ears: Ears, notice: Callable[[str], None]) -> None:
        self._ears, self._notice = ears, notice
        self._lock = threading.Lock()
        self._presses = 0
        self._looking = False

    def next(self) -> None:
        """Go one input on, soon."""
        with self._lock:
            self._presses += 1
            if not self._looking:
                threading.Thread(target=self._look, name="next input", daemon=True).start()
                self._looking = True

    def demo(self) -> None:
        """Listen to the demo track now, whatever input is being looked for."""
        with self._lock:
            self._presses = 0
        self._ears.set_source("demo")

    def _look(self) -> None:
        while presses := self._take():
            try:
                name = self._ears.next_input(presses)
            except BentlightError as error:
                self._notice(str(error))
            except Exception as error:
                # The presses that came meanwhile are still to be gone.
                log.exception("the next sound input could not be taken")
                self._notice(f"the next sound input could not be taken ({type(error).__name__}: {error})")
            else:
                if name is not None:
                    self._notice(f"input: {name}" if name else "there is no other sound input")

    def _take(self) -> int:
        with self._lock:
            presses, self._presses = self._presses, 0
            self._looking = presses > 0
            return presses
