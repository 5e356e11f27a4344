"""`SmoothLevels`: band levels that rise quickly and fall slowly."""

from __future__ import annotations

import math

import numpy as np

from analysis.frame import BANDS, SMOOTH_ATTACK_S, SMOOTH_RELEASE_S

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
        self._levels = np.zeros(BANDS + 3)

    def process(self, levels: np.ndarray) -> None:
        """Take the levels of a hop: the bands, then low, mid and high."""
        away = levels - self._levels
        self._levels += away * np.where(away > 0.0, self._rise, self._fall)
        self._levels[self._levels < _REST] = 0.0

    def skip(self, gap_s: float) -> None:
        """Fall as through silence of that length."""
        self._levels *= math.exp(-gap_s / SMOOTH_RELEASE_S)

    def write(self, frame: np.ndarray) -> None:
        """Fill in this group's fields."""
        frame["bands_smooth"] = self._levels[:BANDS]
        frame["low_smooth"], frame["mid_smooth"], frame["high_smooth"] = self._levels[BANDS:].tolist()
