"""Onset detection functions for notes without a hard attack: new partials, and partials that swell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.extremes import constant, largest
from analysis.floor import MovingFloor
from analysis.spectrum import SlidingSpectrum, fft_length, sloped_window

__all__ = ["NOTE", "SWELL", "RiseFunction", "RiseSettings"]

_BANDS_PER_OCTAVE = 24
_FLOOR_DB = -80.0
_COMMON_DB, _SOUNDING_DB = constant(6.0), 18.0
"""Most that a band counts for in the rise of all, and how far above the floor it has to be: what lies between the
partials of a tremolo does not rise with them."""
_LEAST_COMMON_DB, _ZERO = constant(-6.0), constant(0.0)


class _Rise:
    """Rise of each band over the most that it and its neighbours have been, shape (bands,) in dB, summed.

    That most is forgotten slowly, and takes in a look only after `skip` further ones. The neighbours are the maximum
    filter of Böck and Widmer (2013): vibrato moves a partial into the next band and is not new there. ``over`` is how
    far each band stood over it at the last look.
    """

    def __init__(self, bands: int, step_s: float, settings: RiseSettings) -> None:
        self._forget = constant(settings.forget_db_per_s * step_s)
        self._knee, self._cap = settings.knee_db, constant(settings.cap_db)
        self._least, self._least_sounding = constant(0.0), constant(0.0)
        self._waiting = np.full((settings.skip, bands), _FLOOR_DB, np.float32)
        self._at = 0
        # One band more at either end, for the neighbours.
        self._most = np.full(bands + 2, _FLOOR_DB, np.float32)
        self._below, self._inner, self._above = self._most[:-2], self._most[1:-1], self._most[2:]
        self.over = np.zeros(bands, np.float32)
        self._work = np.zeros(bands, np.float32)
        self._bounded = np.zeros(bands, np.float32)
        self._sounding, self._is_sounding = np.zeros(bands, np.float32), np.zeros(bands, bool)

    def process(self, levels: np.ndarray, floor_db: float, learn: bool) -> float:
        work, inner = self._work, self._inner
        if learn:
            np.maximum(inner, levels, out=inner)
        np.maximum(self._below, self._above, out=work)
        np.maximum(work, inner, out=work)
        np.subtract(levels, work, out=self.over)
        due = self._waiting[self._at]
        np.subtract(inner, self._forget, out=inner)
        np.maximum(inner, due, out=inner)
        due[:] = levels
        self._at = (self._at + 1) % len(self._waiting)
        if largest(self.over) <= self._knee:
            return 0.0
        self._least[()] = self._knee + self._common(levels, floor_db)
        np.subtract(self.over, self._least, out=work)
        np.maximum(work, _ZERO, out=work)
        np.minimum(work, self._cap, out=work)
        return float(np.add.reduce(work))

    def amplified(self, gain_db: float) -> None:
        self._most += np.float32(gain_db)
        self._waiting += np.float32(gain_db)

    def _common(self, levels: np.ndarray, floor_db: float) -> float:
        """Return by how much all that sounds has risen together, in dB: a tremolo or a fader, not a note."""
        self._least_sounding[()] = floor_db + _SOUNDING_DB
        count = np.count_nonzero(np.greater(levels, self._least_sounding, out=self._is_sounding))
        if not count:
            return 0.0
        bounded = np.maximum(self.over, _LEAST_COMMON_DB, out=self._bounded)
        np.minimum(bounded, _COMMON_DB, out=bounded)
        self._sounding[:] = self._is_sounding
        return max(0.0, float(bounded.dot(self._sounding)) / count)


def _bands(lowest_hz: float, highest_hz: float, window: np.ndarray, n_fft: int, sample_rate: int) -> np.ndarray:
    """Return the first bins of quarter tones, none narrower than the window can tell, and the end of the last."""
    width_hz = sample_rate / n_fft
    least = max(1.0, n_fft / len(window))
    edges = [lowest_hz / width_hz]
    while edges[-1] * width_hz < min(highest_hz, 0.46 * sample_rate):
        edges.append(max(edges[-1] + least, edges[-1] * 2 ** (1 / _BANDS_PER_OCTAVE)))
    return np.unique(np.round(edges).astype(np.intp))


@dataclass(frozen=True, slots=True)
class RiseSettings:
    """What a `RiseFunction` looks at.

    Attributes
    ----------
    window_s, fall_s : float
        Length of the window, and of its falling end.
    lowest_hz, highest_hz : float
    range_db : float
        What lies further below the loudest of late is left out.
    skip : int
        Looks just before the present one that it is not compared with.
    forget_db_per_s : float
        How fast the level of before is forgotten.
    knee_db, cap_db : float
        The least and the most that counts of the rise of one band.
    """

    window_s: float
    fall_s: float
    lowest_hz: float
    highest_hz: float
    range_db: float
    skip: int
    forget_db_per_s: float
    knee_db: float
    cap_db: float


NOTE = RiseSettings(
    window_s=2048 / 48_000,
    fall_s=384 / 48_000,
    lowest_hz=150.0,
    highest_hz=16_000.0,
    range_db=40.0,
    skip=3,
    forget_db_per_s=40.0,
    knee_db=2.5,
    cap_db=12.0,
)
"""New partials, each hop against 16 ms before: a soft note is found within some 10 ms. Of a low note its overtones are
heard; nearer to its fundamental the window's steep fall spreads whatever a rumble does."""
SWELL = RiseSettings(
    window_s=8192 / 48_000,
    fall_s=1536 / 48_000,
    lowest_hz=60.0,
    highest_hz=5_000.0,
    range_db=35.0,
    skip=4,
    forget_db_per_s=20.0,
    knee_db=5.0,
    cap_db=12.0,
)
"""Partials that swell, every fourth hop against 85 ms before, with a window that parts the notes of a chord."""


class RiseFunction:
    """Logarithmic spectral flux over quarter tones, after Böck and Widmer (DAFx 2013).

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    settings : RiseSettings
    whole : bool, optional
        Whether `spectrum` reaches up to half the sample rate, or only to the end of the highest band.

    Attributes
    ----------
    bands_hz : ndarray, shape (bands,)
        Middle of each band.
    levels_db, rise_db : ndarray, shape (bands,)
        Level, and rise over the most of before, at the last look; valid until the next.
    n_fft : int
    spectrum : ndarray, shape (bins,)
        Mean square per bin at the last look; valid until the next.
    """

    def __init__(self, sample_rate: int, hop: int, settings: RiseSettings, *, whole: bool = True) -> None:
        window = sloped_window(round(settings.window_s * sample_rate), round(settings.fall_s * sample_rate))
        self.n_fft = n_fft = fft_length(len(window))
        edges = _bands(settings.lowest_hz, settings.highest_hz, window, n_fft, sample_rate)
        self._starts, self._end = edges[:-1], int(edges[-1])
        bins = n_fft // 2 + 1 if whole else self._end
        self._spectrum = SlidingSpectrum(window, hop, bins)
        self.spectrum = np.zeros(bins, np.float32)
        self.bands_hz = (edges[:-1] + edges[1:]) / 2 * sample_rate / n_fft
        self.levels_db = np.zeros(len(edges) - 1, np.float32)
        self._powers = np.zeros_like(self.levels_db)
        step_s = hop / sample_rate
        self._floor = MovingFloor(_FLOOR_DB, settings.range_db, step_s)
        self._rise = _Rise(len(self.levels_db), step_s, settings)
        self.rise_db = self._rise.over

    def process(self, samples: np.ndarray, learn: bool = False) -> float:
        """Take one hop, shape (hop,), and return the rise in dB summed over bands; what is learnt is not new."""
        spectrum, levels = self._spectrum.process(samples), self.levels_db
        self.spectrum = spectrum
        np.add.reduceat(spectrum[: self._end], self._starts, out=self._powers)
        self._floor.decibels(self._powers, levels)
        return self._rise.process(levels, self._floor.floor_db, learn)

    @property
    def power(self) -> float:
        """Mean square in all bands at the last look."""
        return float(np.add.reduce(self._powers))

    @property
    def floor_db(self) -> float:
        """Level below which nothing is told apart."""
        return self._floor.floor_db

    def clear(self) -> None:
        """Forget the samples, not what their levels were."""
        self._spectrum.clear()

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is not new."""
        self._rise.amplified(gain_db)
        self._floor.amplified(gain_db)
