"""`Pacer`: absolute deadlines, so that a late frame is never made up for by hurrying."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Pacer", "Tick"]


class Tick(NamedTuple):
    """What to do until the next frame.

    Attributes
    ----------
    wait_s : float
        How long to wait now, >= 0.
    skipped : int
        Whole intervals that were missed and are left out.
    """

    wait_s: float
    skipped: int


class Pacer:
    """Deadlines at whole multiples of a period after the start.

    A frame that is late by whole periods leaves as many out; the phase stays, and nothing accumulates (as OBS paces
    its video).

    Parameters
    ----------
    period_s : float
        Time between frames.
    start_s : float
        Clock at the first frame.
    """

    def __init__(self, period_s: float, start_s: float) -> None:
        self._period_s, self._start_s = period_s, start_s
        self._number = 0

    def tick(self, now_s: float) -> Tick:
        """Return how long to wait for the next deadline; called once per frame, when it is done."""
        self._number += 1
        late_s = now_s - (self._start_s + self._number * self._period_s)
        skipped = max(0, math.floor(late_s / self._period_s))
        self._number += skipped
        return Tick(max(0.0, self._start_s + self._number * self._period_s - now_s), skipped)
