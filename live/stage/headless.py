"""`HeadlessStage`: the stage without a window, for machines without a display. It takes pictures and drops them."""

from __future__ import annotations

from collections.abc import Callable

from engine.spec import Picture
from live.mailbox import Mailbox

__all__ = ["HeadlessStage"]

_POLL_S = 0.02


class HeadlessStage:
    """Shows every picture to nobody.

    Parameters
    ----------
    pictures : Mailbox of Picture

    Attributes
    ----------
    presented, shown : int
        Pictures taken; the same number twice, since nothing is repeated without a display.
    picture : Picture or None
        The newest.
    """

    def __init__(self, pictures: Mailbox[Picture]) -> None:
        self._pictures = pictures
        self.presented = 0
        self.shown = 0
        self.skipped = 0
        self.picture: Picture | None = None

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Take pictures until `should_stop` says so."""
        while not should_stop():
            self._pictures.wait(_POLL_S)
            self.frame()

    def close(self) -> None:
        """Nothing to do."""

    def frame(self) -> None:
        """Take one picture, if there is one."""
        picture = self._pictures.take()
        if picture is not None:
            self.picture = picture
            self.presented += 1
            self.shown += 1
