"""`OneRate`: sound whose rate may change on the way, at one rate."""

from __future__ import annotations

import numpy as np
import soxr

__all__ = ["OneRate"]


class OneRate:
    """Passes blocks at the wanted rate through untouched and resamples others, each stretch without a seam.

    Parameters
    ----------
    rate : float
        The wanted rate in Hz.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._stream: soxr.ResampleStream | None = None
        self._from, self._channels = 0.0, 0
        self._start_s, self._taken, self._given = 0.0, 0, 0

    def convert(self, samples: np.ndarray, start_s: float, rate: float) -> tuple[np.ndarray, float]:
        """Return samples at the wanted rate, and the stream time of the first.

        Parameters
        ----------
        samples : ndarray of float32, shape (n, channels)
        start_s : float
            Stream time of the first sample in s.
        rate : float
            Their rate in Hz; 0 means the wanted one.

        Notes
        -----
        The resampler holds back some milliseconds, so a block may come back shorter or empty; what is held back at
        the end of a stretch is left out.
        """
        if rate in (0, self._rate):
            self._stream = None
            return samples, start_s
        channels = samples.shape[1]
        seamless = abs(start_s - self._start_s - self._taken / rate) < 2 / rate
        if self._stream is None or rate != self._from or channels != self._channels or not seamless:
            self._stream = soxr.ResampleStream(rate, self._rate, channels, dtype="float32")
            self._from, self._channels = rate, channels
            self._start_s, self._taken, self._given = start_s, 0, 0
        made = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        made = made.reshape(-1, channels)
        begin_s = self._start_s + self._given / self._rate
        self._taken += len(samples)
        self._given += len(made)
        return made, begin_s
