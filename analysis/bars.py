"""`BarCounter`: which beat of the bar it is, counted, and moved to where the accents are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bentlight.errors import BadInput

__all__ = ["METRE", "METRES", "BarCounter", "check_metre"]

METRE, METRES = 4, (2, 12)
"""Beats in a bar where no other number was said; the fewest and the most that can be."""

_KEEP = 0.95**4
"""What a bar leaves of the accents before it: about five are remembered."""
_LEAST_BARS = 2
_WEIGHTS = np.array([0.5, 0.4, -0.5])
"""Of a change of harmony, of the low range, and of a drum without lows, which is a backbeat."""
_MOST = 3.0
_MARGIN = 0.3
_HARMONY_PHASES = (0.3, 0.92)
_BEAT_PHASES = (0.88, 0.22)


def check_metre(beats: int) -> int:
    """Return the number of beats in a bar.

    Raises
    ------
    BadInput
        If it is no whole number from 2 to 12.
    """
    low, high = METRES
    if beats not in range(low, high + 1):
        raise BadInput(f"A bar of {beats} beats cannot be counted; use {low} to {high}.")
    return int(beats)


class BarCounter:
    """Counts beats in bars of four, or of as many as it is told.

    The first of a bar is where the harmony changes and the bass drum falls, and where the snare does not (Goto 2001,
    "An audio-based real-time beat tracking system for music with or without drum-sounds"). Each beat's accent is
    kept by its place in the bar for about five bars; the count is moved when another place has clearly more. Where
    nothing tells the beats apart, as with four equal bass drums and no harmony, they are counted from where the sound
    began, or from anywhere.

    Attributes
    ----------
    metre : int
        Beats in a bar.
    beat : int
        Which beat of the bar it is, 1 to `metre`.
    began : bool
        Whether a bar began in the last `advance`.
    """

    def __init__(self) -> None:
        self.began = False
        self.metre = METRE
        self.start(0)

    def start(self, beats: int) -> None:
        """Count anew: the next beat is the one that follows on `beats` beats of a bar."""
        self.beat = (beats - 1) % self.metre + 1
        self._told = False
        self._forget()
        self._scale = np.full(3, 1e-3)
        self._phase = 0.0
        self._floor: np.ndarray | None = None
        self._floor_before: np.ndarray | None = None
        self._hit = np.zeros(2)
        self._hit_next = np.zeros(2)

    def _forget(self) -> None:
        self._beats = 0
        self._accents, self._weights = np.zeros(self.metre), np.zeros(self.metre)
        self._keep = _KEEP ** (1 / self.metre)

    def set_metre(self, beats: int) -> None:
        """Count bars of so many beats from now on; the present beat keeps its number where there is one."""
        if beats == self.metre:
            return
        self.metre = check_metre(beats)
        self.beat = (self.beat - 1) % self.metre + 1
        self._forget()

    def phase(self, beat_phase: float) -> float:
        """Position in the bar, 0 to 1, at a position in the beat."""
        return min((self.beat - 1 + beat_phase) / self.metre, 1.0)

    def downbeat(self, beat_phase: float) -> None:
        """Say that the beat nearest to a place is the first, until `start`.

        Parameters
        ----------
        beat_phase : float
            Beats from where the present one began; below 0 before it.
        """
        self._move(1 - math.floor(beat_phase + 0.5) - self.beat)
        self._told = True

    def skip(self, beats: int) -> int:
        """Go on over beats that were not heard and return how many bars began among them."""
        bars, place = divmod(self.beat - 1 + beats, self.metre)
        self.beat = place + 1
        self._floor = self._floor_before = None
        self._hit, self._hit_next = np.zeros(2), np.zeros(2)
        return bars

    def look(self, strength: Sequence[float], levels: np.ndarray) -> None:
        """Take the onset strength of each group, and levels in dB of the bands that carry harmony, shape (bands,)."""
        if _HARMONY_PHASES[0] < self._phase < _HARMONY_PHASES[1]:
            # The least of each band: what is held, without drums and passing notes.
            self._floor = levels if self._floor is None else np.minimum(self._floor, levels)
        low, middle, high = strength
        hit = np.array([low, max(0.0, min(middle, high) - low)])
        if self._phase > _BEAT_PHASES[0]:
            np.maximum(self._hit_next, hit, out=self._hit_next)
        elif self._phase < _BEAT_PHASES[1]:
            np.maximum(self._hit, hit, out=self._hit)

    def advance(self, began: bool, beat_phase: float) -> None:
        """Go on to a place in the beat; `began` when a beat began on the way."""
        self._phase = beat_phase
        self.began = False
        if began:
            self._judge()
            self.beat = self.beat % self.metre + 1
            self.began = self.beat == 1

    def _judge(self) -> None:
        """Take account of the beat that ends now, the one that `beat` says."""
        self._beats += 1
        change = 0.0
        if self._floor is not None and self._floor_before is not None:
            change = float(np.mean(np.abs(self._floor - self._floor_before)))
        found = np.array([change, *self._hit])
        self._floor_before, self._floor = self._floor, None
        self._hit, self._hit_next = self._hit_next, np.zeros(2)
        self._scale += max(0.06, 1 / self._beats) * (found - self._scale)
        accent = float(_WEIGHTS @ np.minimum(found / np.maximum(self._scale, 0.02), _MOST))
        self._accents *= self._keep
        self._weights *= self._keep
        self._accents[self.beat - 1] += accent
        self._weights[self.beat - 1] += 1.0
        if self._told or self._beats < _LEAST_BARS * self.metre:
            return
        means = self._accents / np.maximum(self._weights, 0.5)
        top = int(np.argmax(means))
        if means[top] > means[0] + _MARGIN:
            self._move(-top)

    def _move(self, shift: int) -> None:
        self.beat = (self.beat - 1 + shift) % self.metre + 1
        self._accents, self._weights = np.roll(self._accents, shift), np.roll(self._weights, shift)
