"""Power spectrum of the newest samples, for the onset detectors."""

from __future__ import annotations

import math

import aubio
import numpy as np

__all__ = ["SlidingSpectrum", "sloped_window"]


def sloped_window(length: int, fall: int) -> np.ndarray:
    """Return a window whose rise is half a long Hann window and whose fall half a short one, shape (length,).

    The newest samples are under the fall: a short one shows an attack early, while the long rise keeps partials apart.
    """
    rise = length - fall
    up = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rise) + 0.5) / rise)
    down = 0.5 + 0.5 * np.cos(np.pi * (np.arange(fall) + 0.5) / fall)
    return np.concatenate([up, down]).astype(np.float32)


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
        self._hop, self._window = hop, window
        self._history = np.zeros(length, np.float32)
        self._padded = np.zeros(self.n_fft, np.float32)
        self._fft = aubio.fft(self.n_fft)
        # Two sides of the spectrum: a sine of RMS 1 then adds up to 1 over its bins.
        self._scale = np.float32(2.0 / (self.n_fft * float(np.sum(window.astype(float) ** 2))))
        self._power = np.zeros(self.n_fft // 2 + 1, np.float32)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Take samples, shape (hop,), and return mean square per bin, shape (n_fft // 2 + 1,); valid until the next."""
        history, hop, power = self._history, self._hop, self._power
        history[:-hop] = history[hop:]
        history[-hop:] = samples
        np.multiply(history, self._window, out=self._padded[: len(history)])
        magnitude = self._fft(self._padded).norm
        np.multiply(magnitude, magnitude, out=power)
        np.multiply(power, self._scale, out=power)
        return power
