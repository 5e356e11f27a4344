"""`Pulse`: how much begins now, in the low, middle and high range; what the beat is found in."""

from __future__ import annotations

import itertools
import math

import numpy as np

from analysis.extremes import constant, largest
from analysis.levels import band_weights
from analysis.spectrum import LongSpectrum

__all__ = ["GROUPS", "Pulse"]

GROUPS = 3
"""Low, middle and high."""

_LOWEST_HZ, _HIGHEST_HZ = 27.5, 14_080.0
_PER_OCTAVE = 6
_SPLITS_HZ = (150.0, 2_000.0)
_LAG = 2
"""Looks between the spectra compared: 21 ms, half the window."""
_RANGE_DB = 45.0
"""What is further below the loudest band of the last seconds is not heard."""
_QUIETEST_DB = -75.0
_LOUDEST_KEEP_S = 8.0
_KNEE_DB, _CAP_DB = constant(2.0, np.float64), constant(24.0, np.float64)
_TEN, _ZERO = constant(10.0), constant(0.0, np.float64)
_LEAST, _SHARE = 10 ** (_QUIETEST_DB / 10), 10 ** (-_RANGE_DB / 10)
_MEAN_S = 1.5
_PEAK_S = 3.0
_LEAST_PEAK_DB = (3.0, 1.5, 1.0)


class Pulse:
    """Onset strength of three ranges: a log-filtered spectral flux with a maximum filter, over 43 ms.

    The rise of each sixth-octave band against the loudest of its neighbours 21 ms before (SuperFlux: Böck & Widmer
    2013, "Maximum filter vibrato suppression for onset detection") is held between a knee and a cap, averaged within
    a range, and scaled by that range's own running mean and peak, so that a quiet part counts as a loud one does.

    Parameters
    ----------
    sample_rate : int
    look_s : float
        Time between two looks.
    spectrum : LongSpectrum
        Where the spectra come from.

    Attributes
    ----------
    harmony : ndarray, shape (bands,)
        Level in dB of each band from 60 Hz to 2 kHz as of the last look.
    """

    def __init__(self, sample_rate: int, look_s: float, spectrum: LongSpectrum) -> None:
        count = round(_PER_OCTAVE * math.log2(_HIGHEST_HZ / _LOWEST_HZ))
        edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, count + 1)
        top = 0.48 * sample_rate
        pairs = [(lo, hi) for lo, hi in itertools.pairwise(edges.tolist()) if lo < top]
        # Power of a sine of amplitude 1 comes out as 1. Most weights are 0: the others are kept, band by band.
        weights = band_weights(pairs, spectrum.n_fft, sample_rate) * np.float32(4.0 / spectrum.window_sum**2)
        rows, self._bins = np.nonzero(weights)
        self._weights = weights[rows, self._bins]
        self._edges = np.searchsorted(rows, np.arange(len(pairs)))
        centres = np.sqrt([lo * hi for lo, hi in pairs])
        self._starts = np.searchsorted(centres, (0.0, *_SPLITS_HZ))
        self._counts = np.diff([*self._starts, len(pairs)]).astype(np.float64)
        # One band more at either end, for the neighbours. Rises are in double precision.
        self._past = [np.full(len(pairs) + 2, _QUIETEST_DB) for _ in range(_LAG)]
        self._neighbours = [(past[:-2], past[1:-1], past[2:]) for past in self._past]
        self._at = 0
        self._weighed, self._power = np.zeros_like(self._weights), np.zeros(len(pairs), np.float32)
        self._widest, self._rise = np.zeros(len(pairs)), np.zeros(len(pairs))
        self._floor = constant(_LEAST)
        self._fresh, self._stale = 0, spectrum.looks
        self._loudest = _LEAST
        self._loudest_keep = math.exp(-look_s / _LOUDEST_KEEP_S)
        self._mean = [0.0] * GROUPS
        self._mean_step = 1 - math.exp(-look_s / _MEAN_S)
        self._peak = list(_LEAST_PEAK_DB)
        self._peak_keep = math.exp(-look_s / _PEAK_S)
        self._harmonic = slice(*np.searchsorted(centres, (60.0, _SPLITS_HZ[1])).tolist())
        self.harmony = np.full(len(pairs), _QUIETEST_DB)[self._harmonic]

    def process(self, spectrum: np.ndarray) -> list[float]:
        """Take a power spectrum, shape (n_fft // 2 + 1,); return the strength of each group, 0 to 1."""
        # Of three numbers plain arithmetic is quicker than arrays.
        return [self._scaled(group, flux) for group, flux in enumerate(self._flux(spectrum).tolist())]

    def skip(self) -> None:
        """Forget the sound before a hole: where it joins what comes after, nothing begins."""
        self._fresh = -self._stale

    def _flux(self, spectrum: np.ndarray) -> np.ndarray:
        """Return the mean rise in each range in dB, shape (GROUPS,)."""
        power, widest, rise = self._power, self._widest, self._rise
        np.multiply(spectrum[self._bins], self._weights, out=self._weighed)
        np.add.reduceat(self._weighed, self._edges, out=power)
        self._loudest = max(largest(power), self._loudest * self._loudest_keep, _LEAST)
        self._floor[()] = self._loudest * _SHARE
        np.add(power, self._floor, out=power)
        levels = np.log10(power) * _TEN
        self.harmony = levels[self._harmonic]
        below, inner, above = self._neighbours[self._at]
        np.maximum(below, inner, out=widest)
        np.maximum(widest, above, out=widest)
        # What is oldest gives way to what is newest.
        inner[:] = levels
        if self._fresh < _LAG:
            self._fresh += 1
            np.maximum(widest, inner, out=widest)
        np.subtract(inner, widest, out=rise)
        np.subtract(rise, _KNEE_DB, out=rise)
        np.maximum(rise, _ZERO, out=rise)
        np.minimum(rise, _CAP_DB, out=rise)
        past = self._past[self._at]
        past[0], past[-1] = past[1], past[-2]
        self._at = (self._at + 1) % _LAG
        return np.add.reduceat(rise, self._starts) / self._counts

    def _scaled(self, group: int, flux: float) -> float:
        mean = self._mean[group]
        peak = self._peak[group] = max(flux, self._peak[group] * self._peak_keep, _LEAST_PEAK_DB[group])
        self._mean[group] = mean + self._mean_step * (flux - mean)
        return min(max((flux - mean) / (peak - min(mean, 0.8 * peak)), 0.0), 1.0)
