"""`Shape`: what the spectrum of a hop looks like, beside its centroid."""

from __future__ import annotations

import math

import numpy as np

from analysis.extremes import constant, largest
from analysis.frame import MOST_KURTOSIS, MOST_SKEWNESS, SHAPE_EVERY, FrameFields

__all__ = ["Shape"]

_SHARE = 0.85
_FLAT_HZ = 375.0
_HIGHEST_HZ = 16_000.0
_FLAT_S = 0.1
_LEAST = 0.001
_EMPTY = 1e-12
_ZERO = constant(0.0)


class Shape:
    """Spread, skewness and kurtosis about the centroid, roll-off and flatness.

    With magnitudes A, less a thousandth of the largest, at frequencies f and their centroid c: spread² is
    ``sum A (f-c)² / sum A``, skewness ``sum A (f-c)³ / (spread³ sum A)``, kurtosis the same with the fourth power (not
    reduced by 3). Flatness is the geometric over the arithmetic mean (Johnston, 1988) of the power in strips of 375 Hz,
    averaged over 0.1 s: of a single spectrum even white noise has only 0.56. All of them sink to 0 with the level, are
    0 behind the gate, and stand while the window fills after a hole.

    Parameters
    ----------
    frequencies : ndarray of float32, shape (bins,)
        In Hz, from 0.
    hop_s : float
        Time between two calls of `process`.
    """

    def __init__(self, frequencies: np.ndarray, hop_s: float) -> None:
        # There is nothing above.
        self._frequencies = frequencies[: int(_HIGHEST_HZ / float(frequencies[1])) + 2]
        # In kHz and double precision, in which central moments can be had from those about 0.
        self._powers_of_f = (self._frequencies.astype(np.float64) / 1000.0) ** np.arange(5)[:, None]
        bin_hz = float(frequencies[1])
        highest_hz = min(_HIGHEST_HZ, 0.45 * 2 * float(frequencies[-1]))
        edges = np.arange(_FLAT_HZ / 2, highest_hz + 1e-6, _FLAT_HZ)
        bounds = np.ceil(edges / bin_hz).astype(int)
        self._first, self._strips, self._end = int(bounds[0]), bounds[:-1] - bounds[0], int(bounds[-1])
        self._counts = np.diff(bounds).astype(np.float64)
        self._powers = np.zeros(len(self._counts))
        self._follow = constant(1.0 - math.exp(-SHAPE_EVERY * hop_s / _FLAT_S), np.float64)
        self._squares = np.zeros(self._end - self._first, np.float32)
        self._above = np.zeros(len(self._frequencies), np.float32)
        self._weights, self._running = np.zeros(len(self._above)), np.zeros(len(self._above))
        self._off, self._added = constant(0.0), constant(0.0, np.float64)
        self._hops = 0
        self._spread = self._skewness = self._kurtosis = self._rolloff = self._flatness = 0.0

    def process(self, magnitude: np.ndarray, presence: float, *, filling: bool = False) -> None:
        """Take a magnitude spectrum up to 16 kHz, how present the sound is, 0 to 1, and whether it has a hole."""
        # In the hops in which separation has nothing to do.
        self._hops += 1
        if self._hops % SHAPE_EVERY != 1 or (filling and presence > 0.0):
            return
        magnitude = magnitude[: len(self._frequencies)]
        np.square(magnitude[self._first : self._end], out=self._squares)
        step = np.add.reduceat(self._squares, self._strips) / self._counts
        np.subtract(step, self._powers, out=step)
        np.multiply(step, self._follow, out=step)
        np.add(self._powers, step, out=self._powers)
        loudest = largest(magnitude)
        if presence <= 0.0 or loudest <= _EMPTY:
            self._spread = self._skewness = self._kurtosis = self._rolloff = self._flatness = 0.0
            return
        # A tone's leakage, spread thin up to 16 kHz, would outweigh the tone in the fourth power.
        self._off[()] = _LEAST * loudest
        np.subtract(magnitude, self._off, out=self._above)
        weights = self._weights
        weights[:] = np.maximum(self._above, _ZERO, out=self._above)
        variance, third, fourth = _central(self._powers_of_f.dot(weights))
        deviation = max(math.sqrt(max(variance, 0.0)), 1e-3)
        skewness, kurtosis = third / deviation**3, fourth / deviation**4
        running = np.add.accumulate(weights, out=self._running)
        rolloff = self._frequencies.item(running.searchsorted(_SHARE * running.item(-1)))
        self._spread = presence * min(8_000.0, 1000.0 * deviation)
        self._skewness = presence * min(MOST_SKEWNESS, max(-MOST_SKEWNESS, skewness))
        self._kurtosis = presence * min(MOST_KURTOSIS, max(0.0, kurtosis))
        self._rolloff = presence * min(16_000.0, rolloff)
        count = len(self._powers)
        mean = float(np.add.reduce(self._powers)) / count
        self._added[()] = 1e-9 * mean + 1e-30
        log_mean = float(np.add.reduce(np.log(self._powers + self._added))) / count
        flatness = math.exp(log_mean) / (mean + 1e-30)
        self._flatness = presence * min(1.0, flatness)

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["spread"][0], frame["skewness"][0], frame["kurtosis"][0] = self._spread, self._skewness, self._kurtosis
        frame["rolloff"][0], frame["flatness"][0] = self._rolloff, self._flatness


def _central(moments: np.ndarray) -> tuple[float, float, float]:
    """Return the second to fourth central moments from sums of ``A f**n``, n from 0 to 4."""
    whole, *sums = moments.tolist()
    m1, m2, m3, m4 = [one / whole for one in sums]
    return m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3, m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
