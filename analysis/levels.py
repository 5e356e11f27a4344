"""Levels and spectral shape of one hop: loudness, bands, centroid, flux."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from analysis.extremes import constant
from analysis.frame import BANDS
from analysis.spectrum import PowerSpectrum, hann

__all__ = ["Levels", "Spectral", "band_weights", "scaled_level"]

FLOOR_DB = -60.0
_WINDOW_AT_48K = 1024
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 16_000.0
_WIDE_HZ = ((20.0, 200.0), (200.0, 2_000.0), (2_000.0, 16_000.0))
_BRIGHT_HZ = (100.0, 8_000.0)
_BRIGHT_RANGE = math.log(_BRIGHT_HZ[1] / _BRIGHT_HZ[0])
_FLOOR = 10 ** (FLOOR_DB / 10)
_PER_DECADE, _ZERO, _ONE = constant(-10.0 / FLOOR_DB), constant(0.0), constant(1.0)
_REST_DB = -75.0
"""Broadband level at which the centroid has sunk half-way to its rest."""


def scaled_level(mean_square: float) -> float:
    """Return 10 log10 of a mean square with -60 dB as 0 and 0 dB as 1, clipped to that range."""
    if mean_square <= _FLOOR:
        return 0.0
    return min(1.0, 1.0 - 10.0 * math.log10(mean_square) / FLOOR_DB)


def band_weights(edges_hz: list[tuple[float, float]], n_fft: int, sample_rate: int) -> np.ndarray:
    """Return the share of each FFT bin that lies in each band, shape (bands, n_fft // 2 + 1).

    A bin that straddles an edge is divided, so that band levels agree between sample rates.
    """
    width = sample_rate / n_fft
    centres = np.arange(n_fft // 2 + 1) * width
    weights = np.zeros((len(edges_hz), len(centres)))
    for row, (low, high) in zip(weights, edges_hz, strict=True):
        row[:] = np.minimum(centres + width / 2, high) - np.maximum(centres - width / 2, low)
    return np.clip(weights / width, 0, 1).astype(np.float32)


class Spectral(NamedTuple):
    """Levels and shape of one hop; fields as in `analysis.frame.FEATURES`."""

    rms: float
    loudness: float
    bands: np.ndarray
    """Valid until the next hop."""
    low: float
    mid: float
    high: float
    centroid: float
    brightness: float
    flux: float
    all_levels: list[float]
    """The bands, then low, mid and high."""
    magnitude: np.ndarray
    """Magnitude spectrum at `Levels.frequencies` up to 16 kHz, shape (bins,); valid until the next hop."""
    presence: float
    """1 for a sound well above the noise of a line, falling to 0 with its magnitude."""
    filling: bool
    """Whether the edge of a hole is in the window: its spectrum is that of the edge."""


class Levels:
    """Level meter over the last 21.3 ms (Hann window), whatever the sample rate.

    The window lasts the same time at every rate and is padded with zeros to a power of two.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.

    Attributes
    ----------
    frequencies : ndarray of float32, shape (bins,)
        Of the spectrum, in Hz.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        length = max(hop, round(_WINDOW_AT_48K * sample_rate / 48_000))
        n_fft = 1 << math.ceil(math.log2(1.5 * length))
        self._length, self._hop = length, hop
        self._history = np.zeros(length, np.float32)
        self._moving, self._kept, self._newest = self._history[hop:], self._history[:-hop], self._history[-hop:]
        window = hann(length)
        edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, BANDS + 1)
        pairs = [*itertools.pairwise(edges), *_WIDE_HZ]
        window_energy = float(np.sum(window**2))
        self.frequencies = (np.arange(n_fft // 2 + 1) * sample_rate / n_fft).astype(np.float32)
        # What lies above 16 kHz counts for nothing here.
        heard = slice(min(n_fft // 2 + 1, int(_HIGHEST_HZ / float(self.frequencies[1])) + 2))
        self._spectrum = PowerSpectrum(window, n_fft, heard.stop)
        in_range = band_weights([(_WIDE_HZ[0][0], _HIGHEST_HZ)], n_fft, sample_rate)[0, heard]
        self._in_range = in_range
        # Beside the floor: what is below it is below 1, whose logarithm is 0.
        to_floor = 2.0 / (n_fft * window_energy * _FLOOR)
        self._bands = band_weights(pairs, n_fft, sample_rate)[:, heard] * np.square(in_range) * np.float32(to_floor)
        # The sum of the magnitudes, and that of them times their frequencies.
        self._sums = np.stack([np.ones_like(in_range), self.frequencies[heard]])
        self._scaled = np.zeros(len(pairs), np.float32)
        self._band_levels = self._scaled[:BANDS]
        self._rise = np.zeros(len(in_range), np.float32)
        self._magnitude, self._before = np.zeros(len(in_range), np.float32), np.zeros(len(in_range), np.float32)
        self._filling, self._full = 0, math.ceil(length / hop)
        self._there = np.ones(length, bool)
        self._centroid = self._bright = 0.0
        self._rest_sum = float(in_range.sum()) * 10 ** (_REST_DB / 20) * math.sqrt(window_energy)

    def skip(self, samples: int) -> None:
        """Move on over so many samples that were not heard."""
        kept = max(0, self._length - samples)
        self._history[:kept] = self._history[self._length - kept :]
        self._history[kept:] = 0.0
        self._there[:kept] = self._there[self._length - kept :]
        self._there[kept:] = False
        self._filling = self._full

    def process(self, samples: np.ndarray) -> Spectral:
        """Take one hop, shape (hop,), float32 within ±1, and return what the window now holds."""
        history = self._history
        self._kept[:] = self._moving
        self._newest[:] = samples
        count = self._length
        if self._filling:
            self._there[: -self._hop], self._there[-self._hop :] = self._there[self._hop :], True
            count = int(np.count_nonzero(self._there))
        mean_square = float(history.dot(history)) / count
        power = self._spectrum.of(history)
        scaled = self._bands.dot(power, self._scaled)
        np.maximum(scaled, _ONE, out=scaled)
        np.log10(scaled, out=scaled)
        np.multiply(scaled, _PER_DECADE, out=scaled)
        np.minimum(scaled, _ONE, out=scaled)
        levels = scaled.tolist()

        before, magnitude, rise = self._magnitude, self._before, self._rise
        self._magnitude, self._before = magnitude, before
        np.sqrt(power, out=magnitude)
        np.multiply(magnitude, self._in_range, out=magnitude)
        magnitude_sum, moment = self._sums.dot(magnitude).tolist()
        total = magnitude_sum + self._rest_sum
        centroid = moment / total
        bright = math.log(max(centroid, _BRIGHT_HZ[0]) / _BRIGHT_HZ[0]) / _BRIGHT_RANGE
        np.subtract(magnitude, before, out=rise)
        np.maximum(rise, _ZERO, out=rise)
        # A product with ones: a third of the time that a sum of so few takes.
        flux = float(rise.dot(self._sums[0])) / total
        filling = self._filling > 0
        if filling:
            # The edge of the hole is in the window, and is no sound.
            self._filling -= 1
            centroid, bright, flux = self._centroid, self._bright, 0.0
        self._centroid, self._bright = centroid, bright
        return Spectral(
            rms=min(1.0, math.sqrt(mean_square)),
            loudness=scaled_level(mean_square),
            bands=self._band_levels,
            low=levels[BANDS],
            mid=levels[BANDS + 1],
            high=levels[BANDS + 2],
            centroid=min(centroid, 24_000.0),
            brightness=min(1.0, bright),
            flux=min(1.0, flux),
            all_levels=levels,
            magnitude=magnitude,
            presence=magnitude_sum / total,
            filling=filling,
        )
