"""`Loudness`: level in decibels, level within its own recent range, and the gate."""

from __future__ import annotations

import math

from analysis.frame import LOWEST_LEVEL_DB, FrameFields
from bentlight.errors import BadInput

__all__ = ["GATE_DB", "Loudness", "check_gate"]

GATE_DB = -60.0
_HYSTERESIS_DB = 6.0
_LATEST_DB = -6.0
"""Level at which the gate opens even if its threshold is less than `_HYSTERESIS_DB` below."""
_INPUT_DB = -68.0
"""Whatever the gain, an input below this is silence: gain must not open the gate for a line's own noise."""
_HOLD_S, _CLOSE_S = 0.15, 0.1
_FORGET_S = 15.0
_WIDEST_DB, _NARROWEST_DB = 40.0, 6.0


def check_gate(gate_db: float) -> float:
    """Return a threshold of the gate in dB.

    Raises
    ------
    BadInput
        If it is not from -90 to 0.
    """
    if not LOWEST_LEVEL_DB <= gate_db <= 0.0:
        raise BadInput(f"A gate at {gate_db:g} dB cannot be used; give one from {LOWEST_LEVEL_DB:g} to 0 dB.")
    return gate_db


class Loudness:
    """Level, relative level and gate.

    The gate opens at once when the level is 6 dB above its threshold, at -6 dB or the threshold at the latest, and
    closes when it has been below the threshold for 0.15 s; `opening` then falls to 0 in 0.1 s, which takes other
    features to rest without a step. Full scale is above every threshold.

    The relative level lies between a floor and a ceiling that take in a new extreme at once, and go back to the present
    level with a time constant of 15 s; 6 to 40 dB apart. They stand still while the gate is closed and, with the
    relative level, while the window fills after a hole.

    Parameters
    ----------
    hop_s : float
        Time between two calls of `process`.
    gate_db : float, optional
        Threshold of the gate in dB RMS after gain.

    Attributes
    ----------
    open : bool
        The gate.
    opening : float
        1 while it is open, 0 some time after it closed.
    """

    def __init__(self, hop_s: float, gate_db: float = GATE_DB) -> None:
        self._hop_s = hop_s
        self.set_gate(gate_db)
        self.open, self.opening = False, 0.0
        self._below_s = math.inf
        self._db = LOWEST_LEVEL_DB
        self._floor_db = self._ceiling_db = math.nan
        self._relative = 0.0
        self._forget = 1.0 - math.exp(-hop_s / _FORGET_S)

    def set_gate(self, gate_db: float) -> None:
        """Set the threshold; see `check_gate`."""
        self._gate_db = check_gate(gate_db)

    def process(self, rms: float, gain_db: float, *, filling: bool = False) -> None:
        """Take the RMS of a hop's window after gain, the gain, and whether there is a hole in the window."""
        self._db = min(0.0, max(LOWEST_LEVEL_DB, 20.0 * math.log10(max(rms, 1e-10))))
        self._turn(self._db, self._db - gain_db)
        if not self.open:
            self._relative = 0.0
        elif not filling:
            # Before gain: an automatic gain, or a hand on it, is no loudness.
            self._measure(self._db - gain_db)

    def skip(self, gap_s: float) -> None:
        """Move on over a time that was not heard, as over silence."""
        self._below_s += gap_s
        self.open = self.open and self._below_s < _HOLD_S
        self.opening = max(0.0, self.opening - max(0.0, self._below_s - _HOLD_S) / _CLOSE_S)

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["level_db"][0] = self._db
        frame["loudness_relative"][0] = self._relative
        frame["gate"][0] = self.open

    def _turn(self, level_db: float, input_db: float) -> None:
        threshold_db = self._gate_db
        if not self.open:
            threshold_db = min(threshold_db + _HYSTERESIS_DB, max(threshold_db, _LATEST_DB))
        if (level_db > threshold_db or level_db >= 0.0) and input_db > _INPUT_DB:
            self.open, self._below_s = True, 0.0
        else:
            self._below_s += self._hop_s
            self.open = self.open and self._below_s < _HOLD_S
        self.opening = 1.0 if self.open else max(0.0, self.opening - self._hop_s / _CLOSE_S)

    def _measure(self, level_db: float) -> None:
        if math.isnan(self._ceiling_db):
            self._floor_db = self._ceiling_db = level_db
        self._ceiling_db = max(level_db, self._ceiling_db + self._forget * (level_db - self._ceiling_db))
        self._floor_db = min(level_db, self._floor_db + self._forget * (level_db - self._floor_db))
        self._floor_db = max(self._floor_db, self._ceiling_db - _WIDEST_DB)
        floor_db = min(self._floor_db, self._ceiling_db - _NARROWEST_DB)
        self._relative = min(1.0, max(0.0, (level_db - floor_db) / (self._ceiling_db - floor_db)))
