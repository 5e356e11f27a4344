"""`SmoothLevels`: band levels that rise quickly and fall slowly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.frame import BANDS, SMOOTH_ATTACK_S, SMOOTH_RELEASE_S, FrameFields

__all__ = ["SmoothLevels"]

_REST = 1e-6


class SmoothLevels:
    """Attack and release of the band levels: ``y += (x - y) (1 - exp(-hop / tau))``, tau by the way it goes.

    Parameters
    ----------
    hop_s : float
        Time between two calls of `process`.
    """

    def __init__(self, hop_s: float) -> None:
        self._rise, self._fall = (1.0 - math.exp(-hop_s / tau_s) for tau_s in (SMOOTH_ATTACK_S, SMOOTH_RELEASE_S))
        self._levels = [0.0] * (BANDS + 3)

    def process(self, levels: Sequence[float]) -> None:
        """Take the levels of a hop: the bands, then low, mid and high."""
        # Of eleven numbers plain arithmetic is quicker than arrays.
        rise, fall = self._rise, self._fall
        self._levels = [
            level if (level := old + (new - old) * (rise if new > old else fall)) >= _REST else 0.0
            for old, new in zip(self._levels, levels, strict=True)
        ]

    def skip(self, gap_s: float) -> None:
        """Fall as through silence of that length."""
        keep = math.exp(-gap_s / SMOOTH_RELEASE_S)
        self._levels = [keep * level for level in self._levels]

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["bands_smooth"][0] = self._levels[:BANDS]
        frame["low_smooth"][0], frame["mid_smooth"][0], frame["high_smooth"][0] = self._levels[BANDS:]
