"""`Separation`: how much of the sound is percussive and how much harmonic, from the past alone."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analysis.extremes import constant
from analysis.frame import FrameFields
from analysis.levels import scaled_level
from analysis.spectrum import LongSpectrum

__all__ = ["Separation"]

_LOWEST_HZ, _HIGHEST_HZ = 35.0, 16_000.0
_FINE_TO_HZ, _COARSE = 2_000.0, 4
"""Up to where each bin is looked at alone, and how many are taken together above."""
_ACROSS, _ALONG, _HELD = 17, 17, 5
_HALF = _ACROSS // 2
_SOFTEST, _ZERO = constant(1e-30), constant(0.0)


class Separation:
    """Percussive and harmonic level by median filters, with a window in time that ends now.

    After Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010.

    It looks at a spectrum of 43 ms every second hop. The sixth smallest value of each frequency in the last 17 spectra,
    0.18 s, is what is held: harmonic. (The median would take hats in sixteenths for held: each fills half of the
    spectra to the next.) The median across 17 neighbouring frequencies is what is wide: percussive. The Wiener masks
    H² / (H² + P²) and P² / (H² + P²) of the two share out the present power; of the percussive share only what exceeds
    the held power counts, so that dense chords and steady noise stay out of it.

    A hit counts as percussive in the spectrum in which it appears, at most a hop late. What a window that ends now
    cannot know is whether a new tone will be held: for about 0.13 s it counts as percussive, then as harmonic. Steady
    noise is both.

    Parameters
    ----------
    sample_rate : int
    spectrum : LongSpectrum
        Where the spectra come from.
    """

    def __init__(self, sample_rate: int, spectrum: LongSpectrum) -> None:
        bin_hz = sample_rate / spectrum.n_fft
        highest_hz = min(_HIGHEST_HZ, 0.45 * sample_rate)
        lowest, fine, highest = (int(hz / bin_hz) for hz in (_LOWEST_HZ, _FINE_TO_HZ, highest_hz))
        bounds = np.array([*range(lowest, fine), *range(fine, highest, _COARSE)])
        self._first, self._end, self._groups = int(bounds[0]), int(bounds[-1]), bounds[:-1] - bounds[0]
        self._counts = np.diff(bounds).astype(np.float32)
        self._to_mean_square = np.float32(2.0 / (spectrum.n_fft * spectrum.window_energy)) / self._counts
        size = len(self._groups)
        self._past = np.zeros((size, _ALONG), np.float32)
        self._wide = _MovingMedian(size)
        self._power, ranked = np.zeros(size, np.float32), np.zeros((size, _ALONG), np.float32)
        self._past_in_order, self._ranked, self._held = _in_order(self._past), _in_order(ranked), ranked[:, _HELD]
        self._new, self._whole = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self._spectra, self._filling, self._looks = 0, 0, spectrum.looks
        self._percussive = self._harmonic = 0.0

    def skip(self) -> None:
        """Forget the sound before a hole: what is there once the window is full again has been held."""
        self._past[:] = 0.0
        self._filling = self._looks

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["percussive"][0], frame["harmonic"][0] = self._percussive, self._harmonic

    def process(self, spectrum: np.ndarray) -> None:
        """Take a power spectrum, shape (n_fft // 2 + 1,), float32."""
        power, new, whole = self._power, self._new, self._whole
        np.add.reduceat(spectrum[self._first : self._end], self._groups, out=power)
        np.multiply(power, self._to_mean_square, out=power)
        self._past[:, self._spectra % _ALONG] = power
        if self._filling:
            self._filling -= 1
            np.maximum(self._past, power[:, None], out=self._past)
        self._spectra += 1
        self._ranked[:] = self._past_in_order
        self._ranked.partition(_HELD, axis=1)
        held, wide = self._held, self._wide.of(power)
        np.subtract(power, held, out=new)
        np.maximum(new, _ZERO, out=new)
        np.multiply(new, self._counts, out=new)
        np.multiply(power, self._counts, out=power)
        held, wide = np.square(held), np.square(wide)
        np.add(held, wide, out=whole)
        np.add(whole, _SOFTEST, out=whole)
        self._harmonic = scaled_level(float(power.dot(np.divide(held, whole, out=held))))
        self._percussive = scaled_level(float(new.dot(np.divide(wide, whole, out=wide))))


def _in_order(powers: np.ndarray) -> np.ndarray:
    """Return float32 that are never below 0 as integers that are in the same order, and quicker to sort."""
    return powers.view(np.int32)


class _MovingMedian:
    """Median of each value, 0 or more, and its neighbours, `_ACROSS` in all; beyond the ends they are mirrored.

    Two windows side by side share all values but one each. So half as many are sorted, without that one, and each of
    the two medians is what was left out, held between the middle two of the others.

    Parameters
    ----------
    size : int
        Number of values.
    """

    def __init__(self, size: int) -> None:
        pairs = (size + 1) // 2
        # With an odd size the last window of all is of no use.
        padded = np.zeros(2 * pairs + _ACROSS - 1, np.float32)
        self._before, self._values, self._after, _ = np.split(padded, (_HALF, _HALF + size, 2 * _HALF + size))
        self._firsts, self._lasts = self._values[_HALF:0:-1], self._values[-2 : -_HALF - 2 : -1]
        self._shared = sliding_window_view(_in_order(padded[1:]), _ACROSS - 1)[::2]
        in_order = np.zeros((pairs, _ACROSS - 1), np.float32)
        self._sorted, self._lower, self._upper = _in_order(in_order), in_order[:, _HALF - 1], in_order[:, _HALF]
        medians = np.zeros(2 * pairs, np.float32)
        self._medians = medians[:size]
        self._each = (medians[0::2], padded[: 2 * pairs : 2]), (medians[1::2], padded[_ACROSS::2])

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return the medians, shape (size,); valid until the next."""
        self._values[:] = values
        self._before[:], self._after[:] = self._firsts, self._lasts
        self._sorted[:] = self._shared
        self._sorted.sort(axis=1)
        for medians, left_out in self._each:
            np.maximum(left_out, self._lower, out=medians)
            np.minimum(medians, self._upper, out=medians)
        return self._medians
