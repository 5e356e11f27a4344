"""Kicks whose pitch falls from high up, told by the fall: below 100 Hz they come tens of milliseconds late."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["LONGEST", "Falling"]

_RISE = 2.0
"""What the level has to be of the most it has been for a pitch to be followed."""
_STEPS, _FALL = 3, 0.75
"""The pitch sinks in at least so many hops running, and to so much in all of them."""
_FROM_HZ, _TO_HZ = (180.0, 420.0), 230.0
"""Where such a fall begins, and below what it has to end."""
LONGEST = 9
"""Hops for which a pitch is followed."""
_LEAST_SHARE = 0.1
"""Of the highest level since the rise: a drum falls while it sounds, the rest of a note while it dies away."""


class Falling:
    """Follows the pitch of what begins about 210 Hz, and says when it falls as only a kick's does.

    A snare's skin and a string stay where they are, a tom bends for a hop or two. The pitch is that of a sine with the
    same ratio of slope to level, over two hops.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._slope, self._last = np.zeros(hop, np.float32), 0.0
        self._from = [self._squared(pitch, sample_rate) for pitch in _FROM_HZ]
        self._to = self._squared(_TO_HZ, sample_rate)
        self._powers = (0.0, 0.0)
        # Squares of the pitch, in radians a sample: of the last hop, and of that from which it has sunk in each since.
        self._pitch = self._top = 0.0
        self._sunk = 0
        self._before = self._highest = 0.0
        self._since = LONGEST

    @staticmethod
    def _squared(pitch_hz: float, sample_rate: int) -> float:
        return (2 * math.pi * pitch_hz / sample_rate) ** 2

    def process(self, body: np.ndarray, level: float, before: float, least: float) -> float:
        """Take one hop of what sounds about 210 Hz, and return by how much its mean square rose if it falls, else 0.

        Parameters
        ----------
        body : ndarray of float32, shape (hop,)
        level : float
            Its mean square.
        before : float
            The most that was of late.
        least : float
            Level that is followed.
        """
        slope = self._slope
        np.subtract(body[1:], body[:-1], out=slope[1:])
        slope[0] = body[0] - self._last
        self._last = body[-1]
        powers, self._powers = self._powers, (level, float(slope.dot(slope)) / len(slope))
        last, self._pitch = self._pitch, (powers[1] + self._powers[1]) / max(powers[0] + level, 1e-20)
        if not self._pitch < last < self._from[1]:
            self._sunk = 0
        else:
            self._top = self._top if self._sunk else last
            self._sunk += 1
        self._since += 1
        if self._since > LONGEST:
            if level > max(least, _RISE * before):
                self._since, self._before, self._highest = 0, before, level
            return 0.0
        self._highest = max(self._highest, level)
        if (
            min(self._since, self._sunk) < _STEPS
            or level < _LEAST_SHARE * self._highest
            or self._top < self._from[0]
            or self._pitch > min(self._to, _FALL**2 * self._top)
        ):
            return 0.0
        self._highest = math.inf  # It is told once.
        return max(level - self._before, 0.0)

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._since = LONGEST
        self._sunk = 0

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no rise."""
        gain = 10 ** (gain_db / 10)
        self._powers = gain * self._powers[0], gain * self._powers[1]
        self._before *= gain
        self._highest *= gain
        self._last *= math.sqrt(gain)
