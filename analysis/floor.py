"""Decibels over a floor that follows the sound."""

from __future__ import annotations

import math

import numpy as np

from analysis.extremes import constant, largest

__all__ = ["MovingFloor"]

_SINK_DB_PER_S = 6.0
_TEN = constant(10.0)


class MovingFloor:
    """Turns band powers into decibels, with all that is far below the loudest of late left out.

    The floor lies a fixed range under the loudest band of the last seconds, which is let sink by 6 dB/s, and never
    under an absolute level. So the same music at another level, or after a drop of the level, is heard the same.

    Parameters
    ----------
    lowest_db : float
        Absolute floor in dB of full scale.
    range_db : float
        Distance of the floor from the loudest band.
    step_s : float
        Time between two calls.
    """

    def __init__(self, lowest_db: float, range_db: float, step_s: float) -> None:
        self._lowest = 10 ** (lowest_db / 10)
        self._share = 10 ** (-range_db / 10)
        self._keep = 10 ** (-_SINK_DB_PER_S * step_s / 10)
        self._loudest = 0.0
        self._floor, self._added = self._lowest, constant(self._lowest)

    @property
    def floor_db(self) -> float:
        """The floor as it is now, in dB."""
        return 10.0 * math.log10(self._floor)

    def decibels(self, power: np.ndarray, levels: np.ndarray) -> None:
        """Turn powers, float32, shape (bands,), into levels in dB, which are written to `levels`."""
        self._loudest = max(largest(power), self._loudest * self._keep)
        self._floor = max(self._lowest, self._share * self._loudest)
        self._added[()] = self._floor
        np.add(power, self._added, out=levels)
        np.log10(levels, out=levels)
        np.multiply(levels, _TEN, out=levels)

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much."""
        self._loudest *= 10 ** (gain_db / 10)
