"""Automatic gain: brings any input to the same level over seconds, and leaves its dynamics alone."""

from __future__ import annotations

import math

__all__ = ["GAIN_RANGE_DB", "AutoGain"]

GAIN_RANGE_DB = (-60.0, 60.0)
"""Least and most gain in dB that can be set by hand."""

_TARGET_DB = -14.0
_GATE_DB = -62.0
_GATE = 10 ** (_GATE_DB / 10)
_LOWEST_DB, _HIGHEST_DB = -20.0, 40.0
_GATE_HOLD_S = 1.2
_RISE_DB_PER_S, _FALL_DB_PER_S = 4.0, 8.0
_DEAD_BAND_DB = 1.5
_LEVEL_S = 0.4
_PEAK_HOLD_S, _PEAK_DECAY_DB_PER_S = 3.0, 1.0


class AutoGain:
    """Slow automatic gain control.

    A level meter of 0.4 s feeds a peak hold that stands for 3 s and then sinks by 1 dB/s, so the loudest passage of the
    last seconds, not the last beat, is what is brought to -14 dB RMS. The gain rises by at most 4 dB/s and falls by 8,
    and a dead band keeps it still once it is right. When nothing was above the gate (-62 dB RMS before gain) for 1.2 s,
    everything freezes: a pause is not turned up, and the space between two beats of a quiet line is no pause.

    Parameters
    ----------
    hop_s : float
        Time between two calls of `advance`.
    gain_db : float
        Gain to begin with.
    """

    def __init__(self, hop_s: float, gain_db: float = 0.0) -> None:
        self.gain_db = min(max(gain_db, _LOWEST_DB), _HIGHEST_DB)
        self._hop_s = hop_s
        self._smooth = 1.0 - math.exp(-hop_s / _LEVEL_S)
        self._mean_square = 0.0
        self._peak_db, self._held_s = -math.inf, 0.0
        self._below_s = math.inf
        self._moving = False

    def advance(self, mean_square: float) -> float:
        """Take the mean square of one hop before gain and return the gain in dB for it."""
        self._below_s = 0.0 if mean_square >= _GATE else self._below_s + self._hop_s
        if self._below_s > _GATE_HOLD_S:
            return self.gain_db
        self._mean_square += self._smooth * (mean_square - self._mean_square)
        level_db = 10 * math.log10(self._mean_square + 1e-20)
        self._held_s += self._hop_s
        if level_db >= self._peak_db:
            self._peak_db, self._held_s = level_db, 0.0
        elif self._held_s > _PEAK_HOLD_S:
            self._peak_db -= _PEAK_DECAY_DB_PER_S * self._hop_s
        wanted = min(max(_TARGET_DB - self._peak_db, _LOWEST_DB), _HIGHEST_DB)
        error = wanted - self.gain_db
        if abs(error) > _DEAD_BAND_DB:
            self._moving = True
        if self._moving:
            step = min(max(error, -_FALL_DB_PER_S * self._hop_s), _RISE_DB_PER_S * self._hop_s)
            self.gain_db += step
            self._moving = abs(error) > 0.1
        return self.gain_db
