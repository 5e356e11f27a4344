"""Low-frequency oscillators: sources that hear nothing, free or in time with the beat, and the line of beats itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np

from analysis.bars import METRE, METRES
from scenes.modulation import sway

__all__ = ["WAVES", "BeatLine", "Lfo", "beat_places", "common_beats", "metres"]

_UNHEARD_BPM = 120.0
_FASTEST_BPM = 300.0
_LOCK_S = 0.5
_FASTEST_CORRECTION = 0.5
_ROUNDING = 1e-9
_BARS = 0.0
"""Stands for whole bars, however many beats they have, among the turns of a `BeatLine`."""


def _drawn(turn: int, seed: int) -> float:
    """A number from 0 to 1 for each turn, always the same for the same turn and seed (SplitMix64's mixing)."""
    mask = 2**64 - 1
    x = (turn * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return (x ^ (x >> 31)) / mask


WAVES: dict[str, tuple[Callable[[float, int, int], float], str]] = {
    "sine": (lambda u, turn, seed: sway(u, 1.0), "rises and falls as a sine, from 0 to 1 and back in a turn"),
    "triangle": (lambda u, turn, seed: 1 - abs(2 * u - 1), "rises in a straight line for half a turn, and falls"),
    "saw": (lambda u, turn, seed: u, "rises in a straight line for a turn, then drops"),
    "square": (lambda u, turn, seed: 1.0 if u < 0.5 - _ROUNDING else 0.0, "1 for half a turn, 0 for the other"),
    "random": (lambda u, turn, seed: _drawn(turn, seed), "another value every turn, held through it"),
}
"""Shapes by name: level at a place in a turn (0 to 1), given the number of the turn and a seed; and what it is."""


class Lfo:
    """A wave of 0 to 1.

    Parameters
    ----------
    wave : str
        One of `WAVES`.
    hz : float
        Turns per second, when it is free.
    beats : float or None
        Beats in a turn, when it goes with the beat; then `hz` does not count.
    phase : float
        Where in the turn it begins [0 to 1].
    seed : int
        Which random values.
    """

    def __init__(
        self, wave: str, *, hz: float = 0.0, beats: float | None = None, phase: float = 0.0, seed: int = 0
    ) -> None:
        self._shape = WAVES[wave][0]
        self._hz, self.beats, self._phase, self._seed = hz, beats, phase, seed
        self._turns = 0.0

    def run(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        self._turns += self._hz * dt_s

    def take(self, other: Lfo | None, scene_s: float) -> None:
        """Go on where another stands; without one, as if it had run for the whole scene."""
        self._turns = self._hz * scene_s if other is None or other.beats is not None else other._turns

    def level(self, beats: float, ahead_s: float = 0.0) -> float:
        """Level `ahead_s` seconds from now (0..1).

        Parameters
        ----------
        beats : float
            Place on the line of beats at that moment.
        """
        turns = self._turns + self._hz * ahead_s if self.beats is None else beats / self.beats
        turns += self._phase
        turn = math.floor(turns + _ROUNDING)
        return self._shape(max(0.0, turns - turn), turn, self._seed)


def metres(frames: np.ndarray) -> np.ndarray:
    """Beats in a bar at each hop, shape (hops,); four where frames don't say."""
    if "metre" not in (frames.dtype.names or ()):
        return np.full(len(frames), float(METRE))
    said = np.rint(frames["metre"].astype(np.float64))
    return np.where((said >= METRES[0]) & (said <= METRES[1]), said, float(METRE))


def beat_places(frames: np.ndarray) -> np.ndarray:
    """Place in the bar at the end of each hop, in beats, shape (hops,).

    Bars are those that are heard where frames have a ``bar_phase`` (0 to 1), else they are told by the count of beats.
    """
    phases, metre = _finite(frames["beat_phase"]), metres(frames)
    if "bar_phase" in (frames.dtype.names or ()):
        beats = np.rint(metre * _finite(frames["bar_phase"]) - phases) % metre
    else:
        beats = frames["beat_count"].astype(np.float64) % metre
    places: np.ndarray = beats + phases
    return places


def _finite(column: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.nan_to_num(column.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(found, 0.0, 1.0)


def common_beats(beats: float, metre: float) -> float:
    """Beats between the places of a bar at which turns of so many beats begin: a bar where they are whole bars."""
    whole = round(beats)
    return float(math.gcd(whole, round(metre))) if math.isclose(beats, whole) and whole else 1.0


class BeatLine:
    """A place that grows by one with every beat: whole at the beat, a multiple of the metre at the bar.

    It starts at the place that is heard. From then on it never jumps and never goes back: the tempo sets its speed, and
    what it is off is made up for within a second or two, by at most half that speed. While no tempo is heard it runs on
    at the last one, 120 BPM if there was none.

    Where the one of the bar moves, what goes by the bar has beats to make up for; a turn of one beat has none, and
    would only be led off the beat meanwhile. So each turn that is asked for has a place of its own.

    Parameters
    ----------
    turns : collection of float, optional
        Lengths in beats of what goes by it.

    Attributes
    ----------
    places : dict of float to float
        Place of each turn.
    """

    def __init__(self, turns: Collection[float] = ()) -> None:
        self.places = dict.fromkeys((_BARS, *turns), 0.0)
        self._begun = False
        self._per_s = _UNHEARD_BPM / 60

    @property
    def beats(self) -> float:
        """The place of what goes by whole bars."""
        return self.places[_BARS]

    def ahead(self, dt_s: float, turn: float | None = None) -> float:
        """Place `dt_s` seconds from now: that of a turn of so many beats, or of the bars."""
        return self.places[_BARS if turn is None else turn] + self._per_s * dt_s

    def step(self, dt_s: float, tempo: float, place: float, metre: float = METRE) -> float:
        """Advance by a hop; return the place at its end.

        Parameters
        ----------
        dt_s : float
            Stream time since the hop before.
        tempo : float
            Heard beats per minute; 0 is none.
        place : float
            Heard place in the bar at the end of the hop, in beats.
        metre : float
            Beats in a bar.
        """
        heard = 0 < tempo <= _FASTEST_BPM
        if heard:
            self._per_s = tempo / 60
        run = self._per_s * dt_s
        if heard and not self._begun:
            self.places = dict.fromkeys(self.places, place % metre)
        else:
            most, share = _FASTEST_CORRECTION * run, 1 - math.exp(-dt_s / _LOCK_S)
            for turn, before in self.places.items():
                now = before + run
                if heard:
                    off = math.remainder(place - now, metre if turn == _BARS else common_beats(turn, metre))
                    now += min(most, max(-most, off * share))
                self.places[turn] = now
        self._begun = True
        return self.beats

    def take(self, other: BeatLine) -> None:
        """Stand where another stands."""
        self.places = {turn: other.places.get(turn, other.beats) for turn in self.places}
        self._begun, self._per_s = other._begun, other._per_s
