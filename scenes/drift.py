"""What moves by itself, in stream time: a phase locked to the beat, a random walk, a cross-fade, weights by ear."""

from __future__ import annotations

import math
from collections import deque
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from analysis.bars import METRE
from scenes.lfo import common_beats
from scenes.modulation import left
from scenes.sources import SHARES

__all__ = ["GAP_S", "HOP_S", "BeatPhase", "CrossFade", "Heard", "Listener", "RandomWalk", "smoothstep"]

T = TypeVar("T")

GAP_S = 0.1
"""A hop that took longer followed a stretch in which nothing was heard."""
HOP_S = 256 / 48_000
_LOCK_S = 0.5
_FASTEST_CORRECTION = 0.5
_REST = 0.01
_FAINTEST = 1e-6
_MOST_IN_A_FADE = 4


class Heard(NamedTuple):
    """What a hop brings to those who move.

    Attributes
    ----------
    dt_s : float
        Stream time since the hop before.
    tempo : float
        Beats per minute; 0 is none.
    place : float
        Place in the bar at the end of the hop, in beats.
    speed : float
        Factor of the performer's on every speed.
    vectors : dict of str to list of float
        Values of the features of several values, by name.
    metre : float
        Beats in a bar.
    """

    dt_s: float
    tempo: float
    place: float
    speed: float
    vectors: dict[str, list[float]]
    metre: float = METRE


def smoothstep(u: float) -> float:
    """Rise from 0 to 1, level at both ends: ``3u² - 2u³``, with `u` held within 0..1."""
    u = min(1.0, max(0.0, u))
    return u * u * (3 - 2 * u)


class BeatPhase:
    """A count of turns that follows the beat while a tempo is heard, and runs at a rate of its own while none is.

    A turn of whole bars begins on the bar, one of some beats on every beat of the bar on which such turns can begin. It
    never jumps and never goes back: tempo sets its speed, and what it is off is made up for within a second or two, by
    at most half that speed.

    Parameters
    ----------
    bars : float or None
        Bars in a turn; None never follows the beat.
    """

    def __init__(self, bars: float | None) -> None:
        self._bars = bars
        self.turns = 0.0
        self._rate = 0.0

    def set_rate(self, turns_per_s: float, tempo: float, speed: float, metre: float = METRE) -> None:
        """Say how fast it runs from now on.

        Parameters
        ----------
        turns_per_s : float
            Without a tempo.
        tempo : float
            Heard beats per minute; 0 is none.
        speed : float
            Factor on both.
        metre : float
            Beats in a bar.
        """
        bars = self._bars
        self._rate = speed * (turns_per_s if bars is None or tempo <= 0 else tempo / 60 / (bars * metre))

    @property
    def stands(self) -> bool:
        """Whether it does not move."""
        return self._rate == 0

    def ahead(self, dt_s: float) -> float:
        """Turns `dt_s` seconds from now."""
        return self.turns + self._rate * dt_s

    def step(self, heard: Heard) -> None:
        """Advance by a hop."""
        run = self._rate * heard.dt_s
        self.turns += run
        if self._bars is not None and heard.tempo > 0 and heard.speed == 1.0:
            beats = self._bars * heard.metre
            off = math.remainder(heard.place - self.turns * beats, common_beats(beats, heard.metre)) / beats
            most = _FASTEST_CORRECTION * run
            self.turns += min(most, max(-most, off * (1 - math.exp(-heard.dt_s / _LOCK_S))))


class RandomWalk:
    """Weights of several noises that wander for ever: an Ornstein-Uhlenbeck process on the unit sphere.

    Each weight is a process of correlation ``exp(-|dt|)``, drawn four times per unit of its time, smoothed by a
    low-pass of the same time constant, joined by Catmull-Rom curves and divided by the length of all of them: the
    noises' sum keeps unit variance, and the course depends on the seed alone, not on when it is looked at.

    Parameters
    ----------
    size : int
    seed : int
    """

    _PER_UNIT = 4

    def __init__(self, size: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._stays = math.exp(-1 / self._PER_UNIT)
        self._rough = self._rng.standard_normal(size)
        self._points: deque[np.ndarray] = deque([self._rough], maxlen=64)
        self._newest = 0

    def at(self, place: float) -> tuple[float, ...]:
        """Weights at a place [0 to anything, in units of the process's time]; squares sum to 1.

        Going back is possible by fifteen units.
        """
        place = max(0.0, place) * self._PER_UNIT
        first = math.floor(place)
        while self._newest < first + 2:
            fresh = self._rng.standard_normal(len(self._rough))
            self._rough = self._stays * self._rough + math.sqrt(1 - self._stays**2) * fresh
            self._points.append(self._rough + self._stays * (self._points[-1] - self._rough))
            self._newest += 1
        a, b, c, d = (self._point(first + i) for i in (-1, 0, 1, 2))
        u = place - first
        weights = b + u * ((c - a) / 2 + u * (a - 2.5 * b + 2 * c - d / 2 + u * (1.5 * (b - c) + (d - a) / 2)))
        weights = weights / np.linalg.norm(weights)
        return tuple(weights.tolist())

    def _point(self, index: int) -> np.ndarray:
        oldest = self._newest - len(self._points) + 1
        return self._points[min(max(index, oldest), self._newest) - oldest]


class Listener:
    """Weights that follow a feature of several values, such as bands or chroma: the strongest comes forward.

    Parameters
    ----------
    feature : str
        Its name.
    values : int
        How many values it has.
    size : int
        How many weights; neighbouring values share one where there are fewer.
    attack_ms, release_ms : float
        Time constants with which a weight rises and falls.
    sharpness : float
        Power of the values before they are shared out.
    """

    def __init__(
        self, feature: str, values: int, size: int, attack_ms: float, release_ms: float, sharpness: float
    ) -> None:
        self._feature, self._sharpness = feature, sharpness
        self._attack_s, self._release_s = attack_ms / 1000, release_ms / 1000
        self._groups = np.array([-(-i * values // size) for i in range(size)])
        self._levels = np.array([1.0] + [0.0] * size)
        """Rest, then the weights."""

    def copy_from(self, other: Listener) -> None:
        """Stand where `other` stands, if it listens to the same."""
        if other._feature == self._feature and len(other._levels) == len(self._levels):
            self._levels = other._levels

    def step(self, heard: Heard) -> None:
        """Advance by a hop; a gap without sound counts as rest."""
        values = np.maximum(heard.vectors[self._feature], 0.0)
        if self._feature in SHARES:
            # By the strongest: a chord of four notes is no nearer to rest than one of two.
            values = values / max(float(values.max()), _FAINTEST)
        powers = values**self._sharpness
        shares = np.concatenate(([_REST], np.add.reduceat(powers, self._groups)))
        dt_s = heard.dt_s
        if dt_s > GAP_S:
            self._follow(np.eye(1, len(shares))[0], dt_s - HOP_S)
            dt_s = HOP_S
        self._follow(shares / shares.sum(), dt_s)

    def shares(self) -> tuple[float, tuple[float, ...]]:
        """Share of rest, which is 1 in silence and near 0 in music, and each weight; together 1."""
        rest, *weights = (self._levels / self._levels.sum()).tolist()
        return rest, tuple(weights)

    def _follow(self, shares: np.ndarray, dt_s: float) -> None:
        rising, falling = left(dt_s, self._attack_s), left(dt_s, self._release_s)
        self._levels = shares + (self._levels - shares) * np.where(shares > self._levels, rising, falling)


class CrossFade(Generic[T]):
    """Goes from one thing to the next over a time; a new cue starts from whatever mix stands.

    The share of the new one rises as a smoothstep.

    Parameters
    ----------
    first : hashable
    """

    def __init__(self, first: T) -> None:
        self.to = first
        self._from: tuple[tuple[T, float], ...] = ()
        self._since_s = -math.inf
        self._fade_s = 0.0

    def copy_from(self, other: CrossFade[T]) -> None:
        """Stand where `other` stands."""
        self.to, self._from, self._since_s, self._fade_s = other.to, other._from, other._since_s, other._fade_s

    def begin(self, mix: tuple[tuple[T, float], ...], to: T, time_s: float, fade_s: float) -> None:
        """Go from a mix, of which the strongest few are kept, to one thing."""
        kept = sorted(mix, key=lambda part: -part[1])[:_MOST_IN_A_FADE]
        whole = sum(weight for _, weight in kept)
        self._from = tuple((thing, weight / whole) for thing, weight in kept)
        self.to, self._since_s, self._fade_s = to, time_s, fade_s

    def cue(self, to: T, time_s: float, fade_s: float) -> None:
        """Start to go to `to` at `time_s`, unless it is on the way there already."""
        if to != self.to:
            self.begin(self.mix(time_s), to, time_s, fade_s)

    def mix(self, time_s: float) -> tuple[tuple[T, float], ...]:
        """Things and weights at a time; the weights are above 0 and sum to 1."""
        elapsed = (time_s - self._since_s) / self._fade_s if self._fade_s > 0 else 1.0
        if elapsed >= 1 or not self._from:
            return ((self.to, 1.0),)
        share = smoothstep(elapsed)
        shares = {self.to: share}
        for thing, weight in self._from:
            shares[thing] = shares.get(thing, 0.0) + weight * (1 - share)
        return tuple((thing, weight) for thing, weight in shares.items() if weight > 0)
