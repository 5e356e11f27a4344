"""Onset detection function for attacks: how far the level of each band leaves what it has been."""

from __future__ import annotations

import itertools

import numpy as np

from analysis.extremes import constant, largest
from analysis.floor import MovingFloor
from analysis.levels import band_weights
from analysis.spectrum import SlidingSpectrum, hann

__all__ = ["EDGES_HZ", "WINDOW_S", "AttackFunction"]

WINDOW_S = 512 / 48_000
EDGES_HZ = (40.0, 180.0, 380.0, 800.0, 1_700.0, 2_600.0, 3_600.0, 5_200.0, 7_600.0, 11_000.0, 16_000.0)
_HISTORY_S = 0.032
_SKIP = 2
"""Newest looks left out of the comparison: their windows overlap the present one too far."""
_ONE_BIN_DB = 4.34
"""Spread of the level of a single bin of noise; more bins average it down."""
_BINS_PER_FREEDOM = 1.5
"""Neighbouring bins of a Hann window are correlated: this many count as one."""
_LEAST_DB = 0.3
_KNEE = 1.5
_KNEE_OFF, _CAP, _ZERO = constant(_KNEE), constant(8.0), constant(0.0)
_FLOOR_DB, _RANGE_DB = -75.0, 60.0
_GONE, _SPLASH, _HIGH = 0.25, 0.05, EDGES_HZ.index(5_200.0)
"""Share of the sound that an end takes away, share of that which it brings, and the first band it hardly reaches."""


class AttackFunction:
    """Rise of the level of ten bands over the loudest of the last 32 ms, in units of what noise does by itself.

    A logarithmic spectral flux with a maximum filter, after Böck and Widmer, "Maximum filter vibrato suppression for
    onset detection", DAFx 2013; the maximum is taken over time here. A band of many bins hardly moves while noise is
    steady and a band of few moves by decibels, so each is counted by its own spread: this hears a hat of a few
    decibels over hiss, and never the hiss.

    Parameters
    ----------
    sample_rate : int
    look : int
        Samples in each look.

    Attributes
    ----------
    band_power, rise_db : ndarray of float32, shape (10,)
        Of the last look: mean square per band, and by how many decibels each stands over what it has been. Bands
        above half the sample rate are always 0.
    """

    def __init__(self, sample_rate: int, look: int) -> None:
        length = max(2 * look, round(WINDOW_S * sample_rate))
        window = hann(length).astype(np.float32)
        self._spectrum = SlidingSpectrum(window, look)
        weights = band_weights(list(itertools.pairwise(EDGES_HZ)), self._spectrum.n_fft, sample_rate)
        # Bins of the padded FFT are narrower than what the window can tell apart.
        bins = weights.sum(axis=1) * length / self._spectrum.n_fft
        self._weights = weights
        spread = _ONE_BIN_DB / np.sqrt(np.maximum(1.0, bins / _BINS_PER_FREEDOM)) + _LEAST_DB
        self._per_spread = (1.0 / spread).astype(np.float32)
        look_s = look / sample_rate
        self._floor = MovingFloor(_FLOOR_DB, _RANGE_DB, look_s)
        self._count = max(_SKIP + 2, round(_HISTORY_S / look_s))
        # Everything twice, so that any stretch of it is one piece.
        self._history = history = np.full((2 * self._count, len(spread)), _FLOOR_DB, np.float32)
        # The newest _SKIP looks are parked outside the maximum until their turn comes.
        self._compared = [history[at : at + self._count - _SKIP] for at in range(self._count)]
        self._at = 0
        self._levels = np.zeros(len(spread), np.float32)
        self._before = np.zeros(len(spread), np.float32)
        self._function = np.zeros(len(spread), np.float32)
        self.band_power = np.zeros(len(spread), np.float32)
        self.rise_db = np.zeros(len(spread), np.float32)

    def process(self, samples: np.ndarray, learn: bool = False) -> float:
        """Take one look, shape (look,), and return the function, 0 or more; while learning, what is new is old."""
        levels, before, history = self._levels, self._before, self._history
        # As a method: numpy's functions of that name take half as long again to begin.
        self._weights.dot(self._spectrum.process(samples), self.band_power)
        self._floor.decibels(self.band_power, levels)
        oldest, count = self._at, self._count
        if learn:
            np.maximum(history, levels, out=history)
        np.maximum.reduce(self._compared[oldest], axis=0, out=before)
        history[oldest] = history[oldest + count] = levels
        self._at = (oldest + 1) % count
        function, rise_db = self._function, self.rise_db
        np.subtract(levels, before, out=rise_db)
        np.multiply(rise_db, self._per_spread, out=function)
        if largest(function) <= _KNEE:
            return 0.0
        np.subtract(function, _KNEE_OFF, out=function)
        np.maximum(function, _ZERO, out=function)
        np.minimum(function, _CAP, out=function)
        return float(np.add.reduce(function))

    def only_ends(self) -> bool:
        """Whether what the last look brought is no more than what the end of a louder sound stirs up.

        A sound that is cut off splashes over the whole spectrum, less the higher, which a hat does not.
        """
        before = np.power(10.0, 0.1 * self._before)
        new = np.maximum(self.band_power - before, 0.0)
        lost = np.maximum(before - self.band_power, 0.0)
        gone = float(lost.sum())
        return bool(
            gone > _GONE * before.sum() and new.sum() < _SPLASH * gone and new[_HIGH:].sum() <= new[:_HIGH].sum()
        )

    def clear(self) -> None:
        """Forget the samples, not what their levels were."""
        self._spectrum.clear()

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is not new."""
        self._history += np.float32(gain_db)
        self._floor.amplified(gain_db)
