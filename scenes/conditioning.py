"""Conditioning: what a heard value goes through on its way, block by block, before the envelope.

Every block takes 0..1 to 0..1. Each is exact for an input that is constant over each hop, so that what it holds at a
moment does not depend on how many hops came before it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np

from scenes.modulation import Follower, left

__all__ = [
    "Conditioner",
    "Curve",
    "Follow",
    "Hold",
    "Median",
    "Moment",
    "Normaliser",
    "Quantiser",
    "Slew",
    "gate",
    "plateau",
    "two_slopes",
]

_TIE = 1e-9


class Moment(NamedTuple):
    """Where a hop ends.

    Attributes
    ----------
    dt_s : float
        Stream time since the hop before.
    beats : float
        Place on the line of beats at the end of the hop; whole numbers are beats, multiples of the metre bars.
    places : mapping of float to float
        The same for turns of some beats, where it may be another; see `scenes.lfo.BeatLine`.
    """

    dt_s: float
    beats: float
    places: Mapping[float, float] = MappingProxyType({})


class Conditioner(Protocol):
    """What every block does."""

    def step(self, value: float, moment: Moment) -> float:
        """Take the value (0..1) that stood over a hop; return what comes out at its end (0..1)."""
        ...

    def settle(self, value: float) -> float:
        """Stand as if `value` had come in for ever; return what comes out then."""
        ...

    def take(self, other: Any) -> None:
        """Go on where another of the same kind, perhaps set otherwise, stands."""
        ...


class Curve:
    """A block without memory: a function from 0..1 to 0..1."""

    def __init__(self, function: Callable[[float], float]) -> None:
        self._function = function

    def step(self, value: float, moment: Moment) -> float:
        """Return the function's value."""
        return self.settle(value)

    def settle(self, value: float) -> float:
        """Return the function's value, held within 0..1."""
        return min(1.0, max(0.0, self._function(value)))

    def take(self, other: Curve) -> None:
        """There is nothing to take over."""


def gate(value: float, threshold: float) -> float:
    """Return 0 below the threshold, else the value."""
    return value if value >= threshold else 0.0


def plateau(value: float, depth: float) -> float:
    """Rest at 1 and dip by `depth` at most: ``1 - depth x``."""
    return 1.0 - depth * value


def two_slopes(value: float, threshold: float, below: float, above: float, knee: float = 0.0) -> float:
    """A line of two slopes that meet at the threshold, scaled so that 1 stays 1.

    With x the value and t the threshold: ``g(x) = below·x`` up to t and ``below·t + above·(x - t)`` above it, joined
    over `knee` by a parabola, divided by g(1) (the static curve of a compressor as in Giannoulis, Massberg and Reiss,
    "Digital Dynamic Range Compressor Design", JAES 2012, on a linear scale).
    """

    def bent(x: float) -> float:
        over = x - threshold
        if knee > 0 and abs(over) < knee / 2:
            return below * x + (above - below) * (over + knee / 2) ** 2 / (2 * knee)
        return below * x + (above - below) * max(0.0, over)

    whole = bent(1.0) - bent(0.0)
    return (bent(value) - bent(0.0)) / whole if whole > 0 else value


class Follow:
    """`scenes.modulation.Follower` as a block.

    Parameters
    ----------
    attack_s, release_s : float
        Time constants; 0 follows at once.
    """

    def __init__(self, attack_s: float, release_s: float) -> None:
        self._follower = Follower(attack_s, release_s)

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        return self._follower.step(value, moment.dt_s)

    def settle(self, value: float) -> float:
        """Stand at the value."""
        self._follower.level = value
        return value

    def take(self, other: Follow) -> None:
        """Stand where the other stands."""
        self._follower.level = other._follower.level


class Slew:
    """Goes to its input at no more than a given speed.

    Parameters
    ----------
    up_per_s, down_per_s : float
        Most it rises and falls in a second.
    """

    def __init__(self, up_per_s: float, down_per_s: float) -> None:
        self._up, self._down = up_per_s, down_per_s
        self._level = 0.0

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        way = value - self._level
        self._level += min(self._up * moment.dt_s, max(-self._down * moment.dt_s, way))
        return self._level

    def settle(self, value: float) -> float:
        """Stand at the value."""
        self._level = value
        return value

    def take(self, other: Slew) -> None:
        """Stand where the other stands."""
        self._level = other._level


class Hold:
    """The highest value of the last `hold_s`: a peak is taken at once and stands for so long.

    Parameters
    ----------
    hold_s : float
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._now_s = 0.0
        self._peaks: deque[tuple[float, float]] = deque()
        """(time of its end, value), the values falling."""

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        self._now_s += moment.dt_s
        while self._peaks and self._peaks[-1][1] <= value:
            self._peaks.pop()
        self._peaks.append((self._now_s, value))
        while self._peaks[0][0] <= self._now_s - self._hold_s - _TIE:
            self._peaks.popleft()
        return self._peaks[0][1]

    def settle(self, value: float) -> float:
        """Hold the value."""
        self._peaks.clear()
        self._peaks.append((self._now_s, value))
        return value

    def take(self, other: Hold) -> None:
        """Hold what the other holds."""
        self._now_s, self._peaks = other._now_s, deque(other._peaks)


class Median:
    """The median of the last `window_s` of stream time, each value counted for as long as it stood.

    With equal hops that is the median of the last n values, n an odd window over the hop; of an even number it is the
    lower of the two in the middle. A step comes out half a window late; what lasts less than half a window vanishes.

    Parameters
    ----------
    window_s : float
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._serial = 0
        self._oldest: deque[tuple[float, int, float]] = deque()
        """(value, running number, how long it stood in s), in order of time."""
        self._lowest: list[tuple[float, int, float]] = []
        """The same, in order of value."""

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        if moment.dt_s > 0:
            self._add(value, moment.dt_s)
            self._trim(moment.dt_s)
        half, seen = self._window_s / 2 - _TIE, 0.0
        for found, _, stood_s in self._lowest:
            seen += stood_s
            if seen >= half:
                return found
        return value

    def settle(self, value: float) -> float:
        """Fill the window with the value."""
        self._oldest.clear()
        self._lowest.clear()
        self._add(value, self._window_s)
        return value

    def take(self, other: Median) -> None:
        """Fill the window with what the other has, its oldest value longest."""
        self._oldest.clear()
        self._lowest.clear()
        # A copy, in one go: the other may still be playing.
        for value, _, stood_s in tuple(other._oldest):
            self._add(value, stood_s)
        more_s = self._window_s - other._window_s
        if more_s < 0:
            self._trim(-more_s)
        elif self._oldest:
            value, serial, stood_s = self._oldest[0]
            self._replace_oldest((value, serial, stood_s + more_s))

    def _add(self, value: float, stood_s: float) -> None:
        self._serial += 1
        entry = (value, self._serial, stood_s)
        self._oldest.append(entry)
        insort(self._lowest, entry)

    def _trim(self, over_s: float) -> None:
        while over_s > 0 and self._oldest:
            value, serial, stood_s = self._oldest[0]
            if stood_s <= over_s + _TIE and len(self._oldest) > 1:
                self._remove_oldest()
                over_s -= stood_s
            else:
                self._replace_oldest((value, serial, max(_TIE, stood_s - over_s)))
                return

    def _remove_oldest(self) -> None:
        entry = self._oldest.popleft()
        del self._lowest[bisect_left(self._lowest, entry)]

    def _replace_oldest(self, entry: tuple[float, int, float]) -> None:
        place = bisect_left(self._lowest, self._oldest[0])
        self._oldest[0] = self._lowest[place] = entry


class Normaliser:
    """Stretches its input so that a low and a high percentile of the last while come out as 0 and 1.

    The causal stand-in for the smallest and largest value of a whole song: a histogram of what came in, each value
    counted for as long as it stood and forgotten as ``exp(-age / window)``. It begins with one second's worth of every
    value alike, so that at first the input passes almost as it is. Nothing is learned or forgotten while the input is
    0: silence keeps the range. A range narrower than `_NARROWEST` is widened downwards as far as 0, then upwards, so
    that noise is not blown up.

    Parameters
    ----------
    window_s : float
        Time constant of the forgetting.
    low, high : float
        The percentiles, 0 to 1. Those nearer than `_OUTERMOST` to an end are taken there: beyond it some of the range
        that it began with is always left.
    """

    _NODES = np.linspace(0.0, 1.0, 101)
    _BEGIN_S = 1.0
    _NARROWEST = 0.1
    _OUTERMOST = 0.002

    def __init__(self, window_s: float, low: float, high: float) -> None:
        self._window_s = window_s
        self._shares = np.clip([low, high], self._OUTERMOST, 1.0 - self._OUTERMOST)
        self._seconds = np.full(len(self._NODES), self._BEGIN_S / len(self._NODES))
        self._find()

    @property
    def ends(self) -> tuple[float, float]:
        """Values that come out as 0 and 1."""
        return self._ends

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        if value > 0 and moment.dt_s > 0:
            stays = left(moment.dt_s, self._window_s)
            self._seconds *= stays
            place = min(value, 1.0) * (len(self._NODES) - 1)
            node = min(int(place), len(self._NODES) - 2)
            came_s = self._window_s * (1 - stays)
            self._seconds[node] += came_s * (node + 1 - place)
            self._seconds[node + 1] += came_s * (place - node)
            self._find()
        return self._stretched(value)

    def settle(self, value: float) -> float:
        """Let the value through as the range stands; for ever is too long to have learned from."""
        return self._stretched(value)

    def take(self, other: Normaliser) -> None:
        """Know what the other has learned."""
        self._seconds = other._seconds.copy()
        self._find()

    def _find(self) -> None:
        upto = np.cumsum(self._seconds)
        low, high = np.interp(self._shares * upto[-1], upto - self._seconds / 2, self._NODES).tolist()
        low = max(0.0, min(low, high - self._NARROWEST))
        self._ends = (low, max(high, low + self._NARROWEST))

    def _stretched(self, value: float) -> float:
        low, high = self._ends
        return min(1.0, max(0.0, (value - low) / (high - low))) if value > 0 else 0.0


class Quantiser:
    """Takes its input where a beat falls and holds it until the next.

    Parameters
    ----------
    beats : float
        How many beats from one moment of taking to the next: 0.5, 1, 4, …
    """

    def __init__(self, beats: float) -> None:
        self._beats = beats
        self._cell: int | None = None
        self._level = 0.0

    def step(self, value: float, moment: Moment) -> float:
        """Advance by a hop."""
        cell = math.floor(moment.places.get(self._beats, moment.beats) / self._beats + _TIE)
        if cell != self._cell:
            self._cell, self._level = cell, value
        return self._level

    def settle(self, value: float) -> float:
        """Hold the value, until the first hop."""
        self._cell, self._level = None, value
        return value

    def take(self, other: Quantiser) -> None:
        """Hold what the other holds."""
        self._level = other._level
        self._cell = other._cell if other._beats == self._beats else None
