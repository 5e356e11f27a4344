"""Notes that swell in, found and dated by a small network that was taught on annotated sound.

Every 21 ms `Swells` describes the rise of partials over the last 0.15 s; the network says of the description how likely
an onset lies so and so long ago, in steps of 21 ms up to 0.3 s, or that none does. `SwellOnsets` reports one as soon as
a tenth of a second is likely enough to hold it, so that the answer is as early as it can be trusted to be right, and
says where in it the onset lies: only with its age is a slow note's onset of use.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from analysis.extremes import constant, largest
from analysis.perceptron import Perceptron
from analysis.slow_onsets import SWELL, RiseFunction

__all__ = ["AGES", "EVERY", "FEATURES", "WEIGHTS", "SwellOnsets", "Swells"]

WEIGHTS = Path(__file__).with_name("swells.npz")
"""What `python -m bench.swells` found."""
EVERY = 4
"""Hops in a step."""
AGES = 14
"""Steps back that an onset may lie."""
_GROUPS, _PER_OCTAVE = 13, 2
_MAPS = 4 * _GROUPS
_STEPS, _LAG = 8, 2
"""Steps described in sums, and from one of those described in maps to the next."""
_OVER_S = (0.05, 0.15, 0.5)
FEATURES = _STEPS // _LAG * _MAPS + 3 * _STEPS - 1 + 1 + len(_OVER_S)
"""Length of a description."""
_LONG_S = 2.0
_LEAST_DB, _MOST_DB, _COMMON_DB, _SOUNDING_DB = constant(1.5), constant(12.0), constant(6.0), constant(18.0)
_LEAST_RISE_DB, _LEAST_CHANGE_DB, _ZERO = constant(-6.0), constant(-12.0), constant(0.0)
_AGO = 4
_TINY = 1e-9


class Swells:
    """Describes how partials rise, step by step.

    A description holds, in half octaves from 60 Hz to 5 kHz, the mean and the largest rise over the most of late, the
    rise since 85 ms before and the level over the floor, each now and 43, 85 and 128 ms before; for each of the last
    eight steps the summed rise, the rise that all partials share, and the level before against now; and how long ago
    something began at once.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples in a step.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._function = RiseFunction(sample_rate, hop, SWELL, whole=False)
        octave = np.log2(self._function.bands_hz / SWELL.lowest_hz)
        group = np.clip(np.floor(_PER_OCTAVE * octave), 0, _GROUPS - 1).astype(int)
        _, self._starts, counts = np.unique(group, return_index=True, return_counts=True)
        # At low sample rates the highest groups have no bands.
        self._present, self._counts = len(counts), counts.astype(np.float64)
        self._levels = np.zeros((_AGO + 1, len(group)), np.float32)
        self._bands = np.zeros((4, len(group)), np.float32)
        self._maps = np.zeros((_STEPS, 4, _GROUPS), np.float32)
        self._sums = np.zeros((_STEPS, 2), np.float32)
        self._totals = np.zeros(_STEPS, np.float32)
        self._begun = False

    def process(self, samples: np.ndarray, since_hit_s: float, learn: bool = False) -> np.ndarray:
        """Take a step's samples, shape (hop,), and the time since something began at once; return (FEATURES,)."""
        self.take(samples, learn)
        return self.describe(since_hit_s)

    def take(self, samples: np.ndarray, learn: bool = False) -> None:
        """Take a step's samples, shape (hop,)."""
        function = self._function
        summed = function.process(samples, learn)
        levels, floor_db = function.levels_db, function.floor_db
        total_db = 10.0 * math.log10(function.power + _TINY)
        if not self._begun:
            self._levels[:], self._totals[:], self._begun = levels, total_db, True
        for past in (self._levels, self._maps, self._sums, self._totals):
            past[1:] = past[:-1]
        self._levels[0] = levels
        bands = self._bands
        new, rise, change, over_floor = bands
        np.maximum(function.rise_db, _LEAST_RISE_DB, out=rise)
        np.minimum(rise, _MOST_DB, out=rise)
        np.subtract(levels, constant(floor_db), out=over_floor)
        np.maximum(rise - _LEAST_DB, _ZERO, out=new)
        np.subtract(levels, self._levels[_AGO], out=change)
        np.maximum(change, _LEAST_CHANGE_DB, out=change)
        np.minimum(change, _MOST_DB, out=change)
        sounding = over_floor > _SOUNDING_DB
        count = np.count_nonzero(sounding)
        common = float(np.minimum(rise, _COMMON_DB).dot(sounding.astype(np.float32))) / count if count else 0.0
        now = self._maps[0, :, : self._present]
        now[:] = np.add.reduceat(bands, self._starts, axis=1) / self._counts
        np.maximum.reduceat(rise, self._starts, out=now[1])
        self._sums[0], self._totals[0] = (summed, common), total_db

    def describe(self, since_hit_s: float) -> np.ndarray:
        """Return a description, shape (FEATURES,), as of the last step; something began at once so long before."""
        since_s = min(since_hit_s, _LONG_S)
        since = [since_s, *(math.exp(-since_s / over_s) for over_s in _OVER_S)]
        before = self._totals[1:] - self._totals[0]
        return np.concatenate([self._maps[::_LAG].ravel(), self._sums.ravel(), before, since])

    @property
    def fallen_db(self) -> float:
        """How far the level lies below the highest of the last eight steps."""
        return float(np.maximum.reduce(self._totals) - self._totals[0])

    def clear(self) -> None:
        """Forget the samples, not what their levels were."""
        self._function.clear()
        self._maps[:], self._sums[:], self._begun = 0.0, 0.0, False

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much."""
        self._function.amplified(gain_db)
        self._levels += np.float32(gain_db)
        self._totals += np.float32(gain_db)


LIKELY = 0.75
"""How likely an onset has to be to lie in the reported tenth of a second."""
FALLEN_DB = 12.0
"""What has grown so much weaker in the last eight steps does not swell."""
AFTER_S = 0.15
"""Least time since the onset before was reported."""
APART_S = 0.12
"""Least time between the onset before and this one."""
_ROUNDING = 1e-9
"""More than the sums of what is likely can be off."""
_WIDE = 2
"""Steps to either side of the likeliest that are as good: 50 ms is what counts as the same time."""


class SwellOnsets:
    """Says when a note has swelled in, and how long ago that was.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples in a step.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._swells, self._network = Swells(sample_rate, hop), Perceptron(WEIGHTS)
        self._ages_s = (np.arange(AGES) + 0.5) * hop / sample_rate
        self._box = np.ones(2 * _WIDE + 1)

    def process(
        self, samples: np.ndarray, since_hit_s: float, last_s: float, *, wanted: bool = True, learn: bool = False
    ) -> float | None:
        """Take a step's samples; return how long ago an onset was, or None.

        Parameters
        ----------
        samples : ndarray of float32, shape (hop,)
        since_hit_s : float
            Time since something began at once.
        last_s : float
            How long ago the last onset of whichever kind was: there is none before it.
        wanted : bool
            Whether an onset would be reported: the network need not be asked for one that would not.
        learn : bool
            What is heard is taken as the state of things.
        """
        self._swells.take(samples, learn)
        if learn or not wanted or self._swells.fallen_db > FALLEN_DB:
            return None
        odds = self._network(self._swells.describe(since_hit_s))
        likely = np.exp(odds - largest(odds))
        whole = float(np.add.reduce(likely))
        if 1.0 - likely.item(0) / whole < LIKELY - _ROUNDING:
            return None
        likely = likely[1:] / whole
        around = np.convolve(likely, self._box, "same")
        around[self._ages_s >= last_s - APART_S] = 0.0
        best = int(around.argmax())
        if around[best] <= LIKELY:
            return None
        near = slice(max(0, best - _WIDE), best + _WIDE + 1)
        return float(likely[near] @ self._ages_s[near] / likely[near].sum())

    def clear(self) -> None:
        """Forget the samples before a hole."""
        self._swells.clear()

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much."""
        self._swells.amplified(gain_db)
