"""`BarCounter`: which beat of the bar it is, counted, and moved to where the accents are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.accents import NO_CHROMA, Accents
from bentlight.errors import BadInput

__all__ = ["METRE", "METRES", "BarCounter", "check_metre"]

METRE, METRES = 4, (2, 12)
"""Beats in a bar where no other number was said; the fewest and the most that can be."""

_BEGUN = 0.55
"""How likely sound begins with the first beat of a bar."""
_ASTRAY = 0.003
"""Chance per beat that the bar goes on from another beat: so much of what is known is forgotten."""
_TIMES, _TIMES_UNSURE, _SURE = 20.0, 3.0, 0.7
"""How many times likelier another beat has to be the first before the count is moved; the same while nothing is known
of the one counted; from what probability on it is known."""


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

    Which beat is the first is a probability of each place in the bar, moved by what `Accents` says of every beat and by
    a small chance that the bar begins elsewhere from now on: a forward algorithm, as in `BeatSpace`. The count is moved
    when another place is many times as likely as the first. Where nothing tells the beats apart, as with four equal
    bass drums and no harmony, they are counted from where the sound began, or from anywhere.

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
        """Count anew: the next beat is the one that follows on `beats` beats of a bar; 0 if that is not known."""
        self.beat = (beats - 1) % self.metre + 1
        self._told = False
        self._phase = 0.0
        self._forget(known=beats > 0)

    def _forget(self, *, known: bool) -> None:
        self._relevelled: tuple[int, bool] | None = None
        self._accents = Accents(self.metre)
        first = _BEGUN if known else 1.0 / self.metre
        self._firsts = np.full(self.metre, (1.0 - first) / (self.metre - 1))
        self._firsts[0] = first
        self._sure = known

    def set_metre(self, beats: int) -> None:
        """Count bars of so many beats from now on; the present beat keeps its number where there is one."""
        if beats == self.metre:
            return
        self.metre = check_metre(beats)
        self.beat = (self.beat - 1) % self.metre + 1
        self._forget(known=False)

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
        self._relevelled = None
        self._move(1 - math.floor(beat_phase + 0.5) - self.beat)
        self._told = True

    def relevel(self, times: float, beat_phase: float) -> None:
        """Say that the beats of this music are `times` as long as they were counted; the first of the bar stays.

        Parameters
        ----------
        times : float
            2 where every other beat was none, 0.5 where there is one between every two.
        beat_phase : float
            Beats of the new length since the one under way began, as far as it will have been moved to where they are.
        """
        place = (self.beat - 1 + self._phase) / times
        # Whoever took three beats for two may well have begun between beats.
        self._relevelled = round(place - beat_phase) % self.metre + 1, abs(abs(math.log2(times)) - 1.0) < 0.1

    def skip(self, beats: int) -> int:
        """Go on over beats that were not heard and return how many bars began among them."""
        bars, place = divmod(self.beat - 1 + beats, self.metre)
        self.beat = place + 1
        self._accents.skip()
        return bars

    def look(self, strength: Sequence[float], levels: np.ndarray) -> None:
        """Take the onset strength of each group, and levels in dB of the bands that carry harmony, shape (bands,)."""
        self._accents.look(self._phase, strength[0], levels)

    def hit(self, kick: float, snare: float) -> None:
        """Take the strengths of a kick and a snare, 0 for none."""
        self._accents.hit(self._phase, kick, snare)

    def advance(self, began: bool, beat_phase: float, chroma: np.ndarray = NO_CHROMA) -> None:
        """Go on to a place in the beat; `began` when a beat began on the way. Chroma, shape (12,), is that of now."""
        self._phase = beat_phase
        self.began = False
        if began:
            if self._relevelled is None:
                self._judge(chroma)
            else:
                self.beat, known = self._relevelled
                self._forget(known=known)
            self.beat = self.beat % self.metre + 1
            self.began = self.beat == 1

    def _judge(self, chroma: np.ndarray) -> None:
        """Take account of the beat that ends now, the one that `beat` says."""
        nats = self._accents.end_beat(self.beat - 1, chroma)
        if nats is None:
            return
        self._firsts += _ASTRAY * (1.0 / self.metre - self._firsts)
        # What was judged is the beat before.
        self._firsts[self.beat - 2] *= math.exp(nats)
        self._firsts /= self._firsts.sum()
        if self._told:
            return
        top = int(self._firsts.argmax())
        if self._firsts[top] > (_TIMES if self._sure else _TIMES_UNSURE) * self._firsts[0]:
            self._move(-top)
        self._sure = self._sure or self._firsts[0] > _SURE

    def _move(self, shift: int) -> None:
        self.beat = (self.beat - 1 + shift) % self.metre + 1
        self._firsts = np.roll(self._firsts, shift)
        self._accents.turn(shift)
