"""Snares, claps and hats told from all else that begins, by a small network that was taught on annotated sound.

`Hits` waits for something to begin above 0.8 kHz, looks at it for some 11 ms, and describes it; `Judge` says of the
description how likely a snare and how likely a hat is in it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from analysis.extremes import constant
from analysis.fast_onsets import EDGES_HZ, AttackFunction
from analysis.perceptron import Perceptron

__all__ = ["FEATURES", "WEIGHTS", "Hits", "Judge"]

BANDS = len(EDGES_HZ) - 1
FEATURES = 5 * BANDS
"""Length of a description."""
WEIGHTS = Path(__file__).with_name("hits.npz")
"""What `python -m bench.hits` found."""

_FROM = EDGES_HZ.index(800.0)
_RISE_DB, _RISEN = constant(3.0), 2
"""Something begins where so many bands above 0.8 kHz rise by so much."""
_LOOK_AT_S, _APART_S = 0.0107, 0.045
_LATELY_S = 3.0
_LEAST = 1e-7
_TINY = 1e-12


class Hits:
    """Finds what begins above 0.8 kHz and describes it, look by look.

    A description has five values in dB for each band of the attack function: its share of the power that is new; how
    much of that is still there at the end of the wait; by how much it rose; the new power against the most of late; and
    the band's share of that most, which says what else is being played.

    Parameters
    ----------
    look_s : float
        Time between two looks.

    Attributes
    ----------
    wait : int
        Looks from where a hit begins to its description.
    new : ndarray, shape (bands,)
        Mean square per band that the hit described last brought.
    """

    def __init__(self, look_s: float) -> None:
        self.wait = max(1, round(_LOOK_AT_S / look_s))
        self._apart = max(self.wait + 1, round(_APART_S / look_s))
        self._keep = math.exp(-2.0 * look_s / _LATELY_S)
        # As it was after the last description, and how many looks ago that is.
        self._lately, self._faded = np.full(BANDS, _LEAST), 0
        self._since = self._apart
        self._waited = -1
        self._before: np.ndarray = np.zeros(BANDS)
        self._most: np.ndarray = np.zeros(BANDS)
        self._rise: np.ndarray = np.zeros(BANDS)
        self.new: np.ndarray = np.zeros(BANDS)

    def process(self, attacks: AttackFunction) -> np.ndarray | None:
        """Take what the attack function made of a look; return a description, shape (FEATURES,), where one is ready."""
        self._faded += 1
        self._since += 1
        rise, power = attacks.rise_db, attacks.band_power
        if self._waited < 0:
            if self._since < self._apart:
                return None
            if (rise[_FROM:] > _RISE_DB).tolist().count(True) >= _RISEN:
                self._since = self._waited = 0
                self._before = power * np.power(10.0, -0.1 * np.maximum(rise, 0.0, dtype=np.float64))
                self._most, self._rise = power.copy(), rise.copy()
            return None
        np.maximum(self._most, power, out=self._most)
        np.maximum(self._rise, rise, out=self._rise)
        self._waited += 1
        if self._waited < self.wait:
            return None
        self._waited = -1
        return self._describe(np.maximum(power - self._before, 0.0))

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much."""
        self._lately *= 10 ** (gain_db / 10)
        self._before = self._before * 10 ** (gain_db / 10)

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._waited = -1

    def _describe(self, stays: np.ndarray) -> np.ndarray:
        new = self.new = np.maximum(self._most - self._before, 0.0)
        lately = np.maximum(self._lately * self._keep**self._faded, _LEAST)
        ratios = (
            new / (new.sum() + _TINY) + 1e-4,
            (stays + 1e-3 * new + _TINY) / (new + _TINY),
            np.clip((new + 1e-9) / lately, 1e-4, 1e2),
            np.maximum(lately / lately.sum(), 1e-4),
        )
        share, staying, beside, before = (10.0 * np.log10(ratio) for ratio in ratios)
        rise = np.clip(self._rise, 0.0, 40.0)
        self._lately, self._faded = np.maximum(lately, new), 0
        return np.concatenate([share, staying, rise, beside, before])


class Judge:
    """Says how likely a snare or clap, and a hat or cymbal, is in what was described."""

    def __init__(self) -> None:
        self._network = Perceptron(WEIGHTS)

    def __call__(self, described: np.ndarray) -> tuple[float, float]:
        """Return how likely a snare and how likely a hat is in it, in log odds above what counts as one."""
        snare, hat = self._network(described).tolist()
        return snare, hat
