"""Power spectra of the newest samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from analysis.frame import SEPARATION_EVERY
from analysis.history import History

try:
    import pyfftw
except ImportError:
    pyfftw = None

__all__ = ["LONG_EVERY", "LongSpectrum", "PowerSpectrum", "SlidingSpectrum", "fft_length", "hann", "sloped_window"]

LONG_EVERY = SEPARATION_EVERY
"""Hops from one long spectrum to the next."""
_LONG_AT_48K = 2048


def hann(length: int) -> np.ndarray:
    """Return a Hann window without its zeros, float64, shape (length,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)


def sloped_window(length: int, fall: int) -> np.ndarray:
    """Return a window whose rise is half a long Hann window and whose fall half a short one, shape (length,).

    The newest samples are under the fall: a short one shows an attack early, while the long rise keeps partials apart.
    """
    rise = length - fall
    up = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rise) + 0.5) / rise)
    down = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fall) + 0.5) / fall)
    return np.concatenate([up, down]).astype(np.float32)


def fft_length(length: int) -> int:
    """Return the least power of two that is no less than `length`: what a window is padded with zeros to."""
    return 1 << math.ceil(math.log2(length))


class PowerSpectrum:
    """Squared magnitudes of the FFT of real samples under a window, padded with zeros.

    FFTW does it several times as fast as numpy, in single precision and one thread; without it, numpy does it.

    Parameters
    ----------
    window : ndarray, shape (length,)
    n_fft : int
        At least the length of the window.
    bins : int, optional
        How many bins are wanted, from 0 Hz on; all of them, n_fft // 2 + 1, if not given.
    """

    def __init__(self, window: np.ndarray, n_fft: int, bins: int | None = None) -> None:
        self._window = window.astype(np.float32)
        every = n_fft // 2 + 1
        self._fft: Callable[[], None]
        if pyfftw is None:
            padded, spectrum = np.zeros(n_fft, np.float32), np.zeros(every, np.complex64)
            self._fft = partial(_numpy_fft, padded, spectrum)
        else:
            padded, spectrum = pyfftw.zeros_aligned(n_fft, np.float32), pyfftw.zeros_aligned(every, np.complex64)
            # Measuring which way is quickest would take a quarter of a second, and end otherwise each time.
            self._fft = pyfftw.FFTW(padded, spectrum, flags=("FFTW_ESTIMATE",)).execute
        self._under = padded[: len(window)]
        # Real and imaginary parts in turn; in one row, which numpy runs through quicker than through rows of two.
        self._parts = spectrum[:bins].view(np.float32)
        self._squares = np.zeros(len(self._parts), np.float32)
        self._real_squares, self._imaginary_squares = self._squares[0::2], self._squares[1::2]
        self._power = np.zeros(len(self._parts) // 2, np.float32)

    def of(self, samples: np.ndarray) -> np.ndarray:
        """Return the power of samples, shape (length,), as float32 of shape (bins,); valid until the next."""
        np.multiply(samples, self._window, out=self._under)
        self._fft()
        np.multiply(self._parts, self._parts, out=self._squares)
        return np.add(self._real_squares, self._imaginary_squares, out=self._power)


def _numpy_fft(padded: np.ndarray, spectrum: np.ndarray) -> None:
    spectrum[:] = np.fft.rfft(padded)


class SlidingSpectrum:
    """Short-time power spectrum whose window lasts the same time at every sample rate.

    The window is padded with zeros to a power of two.

    Parameters
    ----------
    window : ndarray of float32, shape (length,)
    hop : int
        Samples handed to each `process`.
    bins : int, optional
        How many bins are wanted, from 0 Hz on; all of them, n_fft // 2 + 1, if not given.

    Attributes
    ----------
    n_fft : int
    """

    def __init__(self, window: np.ndarray, hop: int, bins: int | None = None) -> None:
        length = len(window)
        self.n_fft = fft_length(length)
        self._history = np.zeros(length, np.float32)
        self._moving, self._kept, self._newest = self._history[hop:], self._history[:-hop], self._history[-hop:]
        # Two sides of the spectrum: a sine of RMS 1 then adds up to 1 over its bins.
        scale = math.sqrt(2.0 / (self.n_fft * float(np.sum(window.astype(float) ** 2))))
        self._spectrum = PowerSpectrum(window * scale, self.n_fft, bins)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Take samples, shape (hop,), and return mean square per bin, shape (bins,); valid until the next."""
        self._kept[:] = self._moving
        self._newest[:] = samples
        return self._spectrum.of(self._history)

    def clear(self) -> None:
        """Forget the samples."""
        self._history[:] = 0.0


class LongSpectrum:
    """Power spectrum of the last 43 ms (Hann window), every second hop: the beat and the separation look at it.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.

    Attributes
    ----------
    n_fft : int
    window_sum, window_energy : float
        Sums of the window and of its square.
    looks : int
        Spectra after which none of the samples of the first is left.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._length = max(LONG_EVERY * hop, round(_LONG_AT_48K * sample_rate / 48_000))
        self.n_fft = fft_length(self._length)
        window = hann(self._length)
        self.window_sum, self.window_energy = float(np.sum(window)), float(np.sum(window**2))
        self.looks = math.ceil(self._length / (LONG_EVERY * hop))
        self._history = History(self._length)
        self._spectrum = PowerSpectrum(window, self.n_fft)
        self._hops = 0

    def process(self, samples: np.ndarray) -> np.ndarray | None:
        """Take one hop, shape (hop,); return the power, shape (n_fft // 2 + 1,), valid until the next, or None."""
        self._history.push(samples)
        self._hops += 1
        if self._hops % LONG_EVERY:
            return None
        return self._spectrum.of(self._history.last(self._length))

    def clear(self) -> None:
        """Forget the samples."""
        self._history.clear()
