"""Power spectrum of the newest samples, for the onset detectors."""

from __future__ import annotations

import math

import aubio
import numpy as np

from analysis.frame import SEPARATION_EVERY
from analysis.history import History

__all__ = ["LONG_EVERY", "LongSpectrum", "PowerSpectrum", "SlidingSpectrum", "hann", "sloped_window"]

_SHORT = 1024
"""Up to this length aubio's FFT is the quicker one, though it works out the phases too; above, numpy's."""


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


class PowerSpectrum:
    """Squared magnitudes of the FFT of real samples.

    Parameters
    ----------
    n_fft : int
        A power of two.
    """

    def __init__(self, n_fft: int) -> None:
        self._fft = aubio.fft(n_fft) if n_fft <= _SHORT else None
        self._power = np.zeros(n_fft // 2 + 1, np.float32)
        self._squares = np.zeros((n_fft // 2 + 1, 2), np.float32)

    def of(self, samples: np.ndarray) -> np.ndarray:
        """Return the power of samples, shape (n_fft,), float32, as shape (n_fft // 2 + 1,); valid until the next."""
        power = self._power
        if self._fft is not None:
            magnitude = self._fft(samples).norm
            return np.multiply(magnitude, magnitude, out=power)
        spectrum, squares = np.fft.rfft(samples), self._squares
        # Real and imaginary parts side by side. Before numpy 2 they are in double precision.
        parts = spectrum.view(spectrum.real.dtype).reshape(squares.shape)
        np.multiply(parts, parts, out=squares, casting="same_kind")
        return np.add(squares[:, 0], squares[:, 1], out=power)


class SlidingSpectrum:
    """Short-time power spectrum whose window lasts the same time at every sample rate.

    The window is padded with zeros to a power of two for aubio's FFT.

    Parameters
    ----------
    window : ndarray of float32, shape (length,)
    hop : int
        Samples handed to each `process`.

    Attributes
    ----------
    n_fft : int
    """

    def __init__(self, window: np.ndarray, hop: int) -> None:
        length = len(window)
        self.n_fft = 1 << math.ceil(math.log2(length))
        self._hop = hop
        self._history = np.zeros(length, np.float32)
        self._padded = np.zeros(self.n_fft, np.float32)
        self._spectrum = PowerSpectrum(self.n_fft)
        # Two sides of the spectrum: a sine of RMS 1 then adds up to 1 over its bins.
        scale = math.sqrt(2.0 / (self.n_fft * float(np.sum(window.astype(float) ** 2))))
        self._window = (window * scale).astype(np.float32)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Take samples, shape (hop,), and return mean square per bin, shape (n_fft // 2 + 1,); valid until the next."""
        history, hop = self._history, self._hop
        history[:-hop] = history[hop:]
        history[-hop:] = samples
        np.multiply(history, self._window, out=self._padded[: len(history)])
        return self._spectrum.of(self._padded)

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
        self.n_fft = 1 << math.ceil(math.log2(self._length))
        window = hann(self._length)
        self.window_sum, self.window_energy = float(np.sum(window)), float(np.sum(window**2))
        self.looks = math.ceil(self._length / (LONG_EVERY * hop))
        self._window = window.astype(np.float32)
        self._history = History(self._length)
        self._padded = np.zeros(self.n_fft, np.float32)
        self._spectrum = PowerSpectrum(self.n_fft)
        self._hops = 0

    def process(self, samples: np.ndarray) -> np.ndarray | None:
        """Take one hop, shape (hop,); return the power, shape (n_fft // 2 + 1,), valid until the next, or None."""
        self._history.push(samples)
        self._hops += 1
        if self._hops % LONG_EVERY:
            return None
        np.multiply(self._history.last(self._length), self._window, out=self._padded[: self._length])
        return self._spectrum.of(self._padded)

    def clear(self) -> None:
        """Forget the samples."""
        self._history.clear()
