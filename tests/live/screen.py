"""A virtual display of a test's own, and what it shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from live.stand_ins import display
from live.stand_ins.display import FrameBuffer, VirtualDisplay
from tests.waiting import cannot_run, wait_until

__all__ = ["Screen", "need_screen"]


def need_screen() -> None:
    """Leave the test where there is no virtual display."""
    if reason := display.missing():
        cannot_run(reason)


class Screen(VirtualDisplay):
    """A virtual display that can be waited for."""

    def __enter__(self) -> Screen:
        super().__enter__()
        self._frame = FrameBuffer(self.file)
        return self

    def look(self) -> np.ndarray:
        """Return what the display shows: uint8, shape (height, width, 3)."""
        return self._frame.look()

    def look_until(self, condition: Callable[[np.ndarray], bool], what: str, ceiling_s: float = 30.0) -> np.ndarray:
        """Return what the display shows once `condition` holds for it."""
        shots = [self.look()]

        def fits() -> bool:
            shots[0] = self.look()
            return condition(shots[0])

        wait_until(fits, ceiling_s, what)
        return shots[0]

    def settled(self, different_from: np.ndarray | None = None) -> np.ndarray:
        """Return what the display shows once it stands still, is not black, and is not `different_from`."""
        last = [self.look()]

        def still(shot: np.ndarray) -> bool:
            before, last[0] = last[0], shot
            changed = different_from is None or not np.array_equal(shot, different_from)
            return changed and shot.max() > 40 and np.array_equal(shot, before)

        return self.look_until(still, "a display that stands still")
