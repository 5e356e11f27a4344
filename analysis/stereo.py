"""`Stereo`: how the first two channels differ."""

from __future__ import annotations

import math

from analysis.entrance import Entered
from analysis.frame import FrameFields
from analysis.levels import scaled_level

__all__ = ["Stereo"]

_LEVEL_S = 0.02
_SHARE_S = 0.08
_REST, _NONE = 10 ** (-75 / 10), 1e-12
"""Mean square at which width and balance have sunk half-way to rest, and below which they rest."""


class Stereo:
    """Level of the side signal, and width and balance of the pair.

    With mid ``M = (L + R) / 2`` and side ``S = (L - R) / 2`` and their means over 80 ms: width is
    ``|S| / (|M| + |S|)`` of the RMS values, balance ``(R² - L²) / (R² + L²) = -2 M S / (M² + S²)``.

    Parameters
    ----------
    hop_s : float
        Time between two calls of `process`.
    """

    def __init__(self, hop_s: float) -> None:
        self._quick = 1.0 - math.exp(-hop_s / _LEVEL_S)
        self._slow = 1.0 - math.exp(-hop_s / _SHARE_S)
        self._side_square = 0.0
        self._means = (0.0, 0.0, 0.0)
        self._side = self._width = self._balance = 0.0

    def process(self, entered: Entered, gain_db: float) -> None:
        """Take a hop before gain, and the gain."""
        mid_square = side_square = both = 0.0
        if entered.pair is not None:
            mid, side = entered.pair
            count = len(mid)
            mid_square = entered.mean_square if mid is entered.mid else float(mid.dot(mid)) / count
            side_square, both = float(side.dot(side)) / count, float(mid.dot(side)) / count
        self._side_square += self._quick * (side_square - self._side_square)
        old = self._means
        mid_square = old[0] + self._slow * (mid_square - old[0])
        side_square = old[1] + self._slow * (side_square - old[1])
        both = old[2] + self._slow * (both - old[2])
        self._means = mid_square, side_square, both
        whole = mid_square + side_square
        self._side = scaled_level(self._side_square * 10 ** (gain_db / 10))
        self._width = self._balance = 0.0
        if whole > _NONE:
            # Not by the gate, which hears the mean of the channels and nothing at all when they are opposed.
            presence = whole / (whole + _REST)
            mid_rms, side_rms = math.sqrt(mid_square), math.sqrt(side_square)
            self._width = presence * side_rms / (mid_rms + side_rms)
            self._balance = 0.0 - presence * min(1.0, max(-1.0, 2.0 * both / whole))

    def skip(self, gap_s: float) -> None:
        """Fall as through silence of that length."""
        self._side_square *= math.exp(-gap_s / _LEVEL_S)
        keep = math.exp(-gap_s / _SHARE_S)
        mid_square, side_square, both = self._means
        self._means = keep * mid_square, keep * side_square, keep * both

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["side"][0], frame["width"][0], frame["balance"][0] = self._side, self._width, self._balance
