"""`Accents`: how much a beat sounds like the first of its bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["NO_CHROMA", "Accents"]

NO_CHROMA = np.zeros(12)
"""Where nothing tonal is heard."""

_HIT_PHASES, _HELD_PHASES = (0.88, 0.22), (0.3, 0.92)
"""Where in a beat what struck it is looked for, and what is held through it."""
_NATS = (0.4, 0.25, 0.25, 0.35, 0.2, -0.5)
"""What one deviation more adds to the logarithm of how many times likelier a beat is if it is the first: of a change of
levels, of chroma, of chroma beside what is usual at that place of the bar; of lows that begin, a kick, a snare."""
_LEAST = (2.5, 0.08, 0.08, 0.15, 0.25, 0.25)
"""Deviations below these, in dB, shares and strengths, are no more than chance."""
_MOST = 2.5
_HALF_TIME, _HALF_TIME_METRE = 0.5, 4
"""The same for a snare two beats before that this beat has not; in bars of four."""
_BEATS = 16
"""Mean and deviation are those of about so many beats."""
_USUAL_KEEP = 0.8
"""What a bar leaves of what was usual at a place before."""
_AROUND = 4


class Accents:
    """Collects what strikes a beat and what is held through it, and says how likely it begins a bar.

    What tells a first beat, after Goto (2001, "An audio-based real-time beat tracking system for music with or without
    drum-sounds") and Peeters and Papadopoulos (2011, "Simultaneous beat and downbeat-tracking using a probabilistic
    framework"): the harmony changes there, bass and kick fall there, and the snare does not; one that falls once in
    a bar of four falls on the third, in half time. Each is counted in standard deviations of its own last beats, so
    what all beats have, or none, says nothing.

    A change is that from one beat to the next (Davies and Plumbley 2006, "A spectral difference approach to downbeat
    extraction in musical audio"), and as much that from two beats to the next two, so a beat is judged when the one
    after it has been heard.

    Parameters
    ----------
    metre : int
        Beats in a bar.
    """

    def __init__(self, metre: int) -> None:
        self.forget(metre)

    def forget(self, metre: int) -> None:
        """Know nothing of the music."""
        self._judged = 0
        self._found = [0] * len(_NATS)
        self._mean, self._variance = [0.0] * len(_NATS), [0.0] * len(_NATS)
        self._usual: list[np.ndarray | None] = [None] * metre
        self._times = [0.0] * metre
        self.skip()

    def skip(self) -> None:
        """Forget the last beats: the next does not follow on them."""
        self._floor: np.ndarray | None = None
        self._hit, self._hit_next = [0.0] * 3, [0.0] * 3
        self._past: list[tuple[np.ndarray | None, np.ndarray, np.ndarray | None, list[float]]] = []
        self._tonal = 0

    def turn(self, places: int) -> None:
        """Count places of the bar from another beat: each number is now greater by `places`."""
        at = -places % len(self._usual)
        self._usual = self._usual[at:] + self._usual[:at]
        self._times = self._times[at:] + self._times[:at]

    def look(self, beat_phase: float, low: float, levels: np.ndarray) -> None:
        """Take the onset strength of the lows, and levels in dB of the bands that carry harmony, shape (bands,)."""
        if _HELD_PHASES[0] < beat_phase < _HELD_PHASES[1]:
            # The least of each band: what is held, without drums and passing notes.
            self._floor = levels if self._floor is None else np.minimum(self._floor, levels)
        self._take(beat_phase, 0, low)

    def hit(self, beat_phase: float, kick: float, snare: float) -> None:
        """Take the strengths of a kick and a snare, 0 for none."""
        self._take(beat_phase, 1, kick)
        self._take(beat_phase, 2, snare)

    def _take(self, beat_phase: float, kind: int, strength: float) -> None:
        hits = self._hit_next if beat_phase > _HIT_PHASES[0] else self._hit if beat_phase < _HIT_PHASES[1] else None
        if hits is not None and strength > hits[kind]:
            hits[kind] = strength

    def end_beat(self, place: int, chroma: np.ndarray) -> float | None:
        """Take account of the beat that ends, and judge the one before it.

        Parameters
        ----------
        place : int
            Of the beat that ends, from 0.
        chroma : ndarray, shape (12,)
            Of its end; zeros where there is none.

        Returns
        -------
        float or None
            Logarithm of how many times likelier the beat before it is if it is the first of a bar; None where too few
            were heard.
        """
        anew = self._beside_usual(place, chroma)
        self._past = [*self._past[1 - _AROUND :], (self._floor, chroma, anew, self._hit)]
        self._floor, self._hit, self._hit_next = None, self._hit_next, [0.0] * 3
        # A drum has a pitch, but not one that lasts: chroma that comes and goes within a bar is no harmony.
        self._tonal = self._tonal + 1 if chroma.any() else 0
        if len(self._past) < _AROUND:
            return None
        levels, chromas, news, hits = zip(*self._past, strict=True)
        bands = 1 if self._past[2][0] is None else len(self._past[2][0])
        tonal = self._tonal > len(self._usual)
        found = [
            _change(levels, 1.0 / bands),
            _change(chromas, 0.5) if tonal else None,
            _change(news, 0.5) if tonal else None,
            *hits[2],
        ]
        return self._weigh(found, hits[0][2] - hits[2][2])

    def _beside_usual(self, place: int, chroma: np.ndarray) -> np.ndarray | None:
        """Return what differs from the bars before at this place: their drums and figures are left out."""
        usual = self._usual[place]
        if usual is None:
            self._usual[place] = chroma
            return None
        self._times[place] = _USUAL_KEEP * self._times[place] + 1.0
        anew = chroma - usual
        self._usual[place] = usual + anew / (self._times[place] + 1.0)
        return anew

    def _weigh(self, found: list[float | None], alone: float) -> float | None:
        self._judged += 1
        nats = _HALF_TIME * alone if len(self._usual) == _HALF_TIME_METRE else 0.0
        for kind, value in enumerate(found):
            if value is None:
                continue
            self._found[kind] += 1
            step = max(1.0 / _BEATS, 1.0 / self._found[kind])
            off = value - self._mean[kind]
            self._mean[kind] += step * off
            self._variance[kind] += step * ((1.0 - step) * off * off - self._variance[kind])
            scaled = (value - self._mean[kind]) / max(math.sqrt(self._variance[kind]), _LEAST[kind])
            nats += _NATS[kind] * min(max(scaled, -_MOST), _MOST)
        return nats if self._judged >= len(self._usual) - 1 else None


def _change(past: Sequence[np.ndarray | None], scale: float) -> float | None:
    """Return how far the third of four beats is from the second, and the last two from the first two, their mean."""
    before, last, here, after = past
    if before is None or last is None or here is None or after is None:
        return None
    near, wide = np.abs(here - last), np.abs(here + after - before - last)
    return scale * float(0.5 * np.add.reduce(near) + 0.25 * np.add.reduce(wide))
