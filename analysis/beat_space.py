"""`BeatSpace`: how fast the beat goes and where in it we are, as a probability over every tempo and phase."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.extremes import constant
from analysis.pulse import GROUPS

__all__ = ["FASTEST_BPM", "SLOWEST_BPM", "BeatSpace", "Peak", "nearer_the_centre", "wrapped"]

SLOWEST_BPM, FASTEST_BPM = 50.0, 195.0

_CENTRE_BPM, _WIDTH_OCTAVES = 120.0, 0.55
_SALIENCE_PER_S = 1.0
"""Log-likelihood that a second of music at an octave from the centre loses: listeners tap near 120 BPM."""
_LEVEL_PER_S = 0.6
"""What a second at an octave or more from the tempo expected loses: who taps along seldom goes from half to double."""
_BUSY = 0.1
_CHANGE = 80.0
_RESTART = 2e-4
"""Chance per look that the beat begins anew anywhere, so that a change of song is believed within some beats."""
_NO_RESTART = math.log(1 - _RESTART)
_JUMP_OCTAVES, _JUMP_NEAR = 0.25, 0.8
_STAY = 0.98
"""Chance that the next beat has the feel of the one before."""
_ANYWHERE = (0.35, 0.45, 0.45)
"""Share that begins at no place in particular."""
_TRUST = (0.45, 0.45, 0.35)
_TRUST_SUM = sum(_TRUST)
_SPARSE, _ALONE = 0.005, 1.6
_RATE_S = 4.0
_NEAR_BEATS, _NEAR_TEMPO = 0.15, 0.06
_NEAR_ENOUGH = constant(_NEAR_BEATS)


class _Feel(NamedTuple):
    """What begins where in a beat.

    Attributes
    ----------
    often : float
        How many beats of all music are of this feel.
    places : tuple of float
        Places in the beat, 0 to 1.
    jitter_s : tuple of float
        How far what begins at each place strays from it.
    shares : tuple of tuple of float
        How much begins at each place beside the beat itself, in the low, middle and high range.
    """

    often: float
    places: tuple[float, ...]
    jitter_s: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]


_STRAIGHT = _Feel(
    0.7,
    (0.0, 1 / 2, 1 / 4, 3 / 4, 2 / 3, 1 / 3),
    (0.014,) * 6,
    (
        (1.00, 0.12, 0.05, 0.06, 0.04, 0.03),
        (1.00, 0.15, 0.06, 0.06, 0.04, 0.04),
        (1.00, 0.50, 0.12, 0.12, 0.08, 0.04),
    ),
)
# Swing is anything from 1:1 when it is fast to over 3:1 when it is slow (Friberg & Sundström 2002); this is 16:9.
_SWUNG = _Feel(
    0.3,
    (0.0, 1 / 2, 1 / 4, 3 / 4, 0.64, 1 / 3),
    (0.014, 0.014, 0.014, 0.014, 0.022, 0.014),
    (
        (1.00, 0.05, 0.02, 0.02, 0.15, 0.04),
        (1.00, 0.06, 0.03, 0.03, 0.25, 0.05),
        (1.00, 0.08, 0.03, 0.03, 0.80, 0.08),
    ),
)
_FEELS = (_STRAIGHT, _SWUNG)


def wrapped(beats: float) -> float:
    """Return `beats` moved by whole beats into -0.5..0.5."""
    return beats - math.floor(beats + 0.5)


def nearer_the_centre(period_s: float, other_s: float) -> bool:
    """Whether a period is clearly nearer than another, on a log scale, to the tempo that listeners prefer."""
    apart, other = (abs(math.log2(60.0 / period / _CENTRE_BPM)) for period in (period_s, other_s))
    return apart < other - 0.1


class Peak(NamedTuple):
    """A place where belief gathers.

    Attributes
    ----------
    phase : float
        0 to 1.
    period_s : float
    mass : float
        Probability within 0.15 beats and 6 % of the tempo.
    """

    phase: float
    period_s: float
    mass: float

    def near(self, other: Peak) -> bool:
        """Whether both are about the same beat."""
        same_tempo = abs(self.period_s / other.period_s - 1.0) < _NEAR_TEMPO
        return same_tempo and abs(wrapped(self.phase - other.phase)) < _NEAR_BEATS


class BeatSpace:
    """A bar pointer without bars: hidden states of tempo and place in the beat, moved forward look by look.

    The states are those of Krebs, Böck & Widmer 2015, "An efficient state-space model for joint tempo and meter
    tracking": one for every look in a beat of each whole number of looks, and the tempo may change at a beat by a
    factor of likelihood ``exp(-80 |ratio - 1|)``. Only the forward algorithm is used, so it is causal. Each is there
    once for each feel, straight and swung, which may also change at a beat.

    What is observed is onset strength in three ranges. Onsets are taken as a Poisson process whose rate depends on
    the place in the beat, relative to the rate heard of late: a look's log-likelihood ratio against "onsets fall
    anywhere" is ``Σ trust (strength log r - rate (r - 1))``, with r the pattern of mean 1 of a state. So the sum over
    all states says how much better than chance the beat explains what is heard: the evidence.

    Tempi have a log-normal prior about 120 BPM (Parncutt 1994; Klapuri, Eronen & Astola 2006), and
    music loses a little likelihood for each second at a tempo far from it: that decides between half and double.

    Parameters
    ----------
    hop_s : float
        Time between two looks.
    """

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        shortest, longest = math.ceil(60.0 / FASTEST_BPM / hop_s), math.floor(60.0 / SLOWEST_BPM / hop_s)
        tempi = np.arange(shortest, longest + 1)
        self._shortest, self._tempi, self._a_feel = shortest, len(tempi), int(tempi.sum())
        often = np.array([feel.often for feel in _FEELS])
        lengths, often_of = np.tile(tempi, len(_FEELS)), np.repeat(often, len(tempi))
        ends = np.cumsum(lengths)
        self._lengths, self._starts, self._ends = lengths, ends - lengths, ends - 1
        self._which = np.repeat(np.arange(len(lengths)), lengths)
        self._length_of = lengths[self._which].astype(np.float32)
        self._phases = ((np.arange(ends[-1]) - self._starts[self._which]) / lengths[self._which]).astype(np.float32)
        turns = 2.0 * np.pi * self._phases
        self._turns_x, self._turns_y = np.cos(turns), np.sin(turns)
        change = np.exp(-_CHANGE * np.abs(tempi[:, None] / tempi[None, :] - 1.0))
        self._change = (change / change.sum(0)).T.astype(np.float32)
        self._change_feel = (_STAY * np.eye(len(_FEELS)) + (1 - _STAY) * often[:, None]).astype(np.float32)
        octaves = np.log2(60.0 / (lengths * hop_s) / _CENTRE_BPM)
        # Tempi lie closer than on a log scale by their length, and each has as many states.
        self._weights = often_of * np.exp(-0.5 * (octaves / _WIDTH_OCTAVES) ** 2) / lengths**2
        pattern = np.concatenate([_pattern(feel, int(n), hop_s) for feel in _FEELS for n in tempi], axis=1)
        trust = np.array(_TRUST)[:, None]
        self._salience = (-_SALIENCE_PER_S * hop_s * octaves**2).astype(np.float32)
        columns = np.concatenate([trust * np.log(pattern), trust * (1.0 - pattern), self._salience[self._which][None]])
        self._scores = np.ascontiguousarray(columns, np.float32)
        self._score = np.empty(self._scores.shape[1], np.float32)
        self._total = constant(1.0)
        self._rate = [0.02] * GROUPS
        self._terms = np.zeros(2 * GROUPS + 1, np.float32)
        self._rate_step = 1 - math.exp(-hop_s / _RATE_S)
        self.restrict()
        self.reset()

    def restrict(self, slowest_bpm: float = SLOWEST_BPM, fastest_bpm: float = FASTEST_BPM) -> None:
        """Believe in no tempo outside this range from now on. The nearest tempo is always left."""
        periods_s = self._lengths * self._hop_s
        keep = (periods_s >= 60.0 / fastest_bpm) & (periods_s <= 60.0 / slowest_bpm)
        apart = np.abs(np.log(periods_s * math.sqrt(slowest_bpm * fastest_bpm) / 60.0))
        keep[apart == apart.min()] = True
        self._range = self._weights * keep
        self._prior = self._spread(self._range)
        self.expect(0.0)
        self._keep = None if keep.all() else keep.astype(np.float32)

    def expect(self, period_s: float) -> None:
        """Say that tempi near `period_s` are likelier from now on: music seldom changes its level. 0 for none."""
        anew, salience = self._prior, self._salience
        if period_s > 0.0:
            octaves = np.log2(self._lengths * self._hop_s / period_s)
            near = self._range * np.exp(-0.5 * (octaves / _JUMP_OCTAVES) ** 2)
            if near.sum() > 0.0:
                anew = np.float32(1 - _JUMP_NEAR) * self._prior + np.float32(_JUMP_NEAR) * self._spread(near)
            salience = salience - np.float32(_LEVEL_PER_S * self._hop_s) * np.minimum(octaves**2, 1.0)
        self._scores[-1] = salience[self._which]
        # Beside beliefs that are not scaled down by the chance of it, which the sum over all states makes up for.
        self._restart = np.float32(_RESTART / (1 - _RESTART)) * anew
        self._restart_begun = self._restart[self._starts]

    def _spread(self, weights: np.ndarray) -> np.ndarray:
        """Return weights of the tempi as probabilities of the states."""
        states = weights[self._which]
        return (states / states.sum()).astype(np.float32)

    def reset(self) -> None:
        """Know nothing."""
        self._belief = self._prior.copy()
        self._after = np.empty_like(self._belief)

    def insist(self, phase: float, period_s: float) -> None:
        """Believe that the beat is at `phase` and lasts `period_s`, as somebody says who knows."""
        length = period_s / self._hop_s
        apart = (self._phases - np.float32(phase) + 0.5) % 1.0 - 0.5
        tempo = np.exp(-0.5 * (np.log(self._lengths / length) / 0.02) ** 2) / self._lengths
        blob = np.exp(-0.5 * (apart / 0.05) ** 2) * tempo[self._which].astype(np.float32)
        total = float(blob.sum())
        if total > 0.0:
            self._belief[:] = 0.9 * blob / total + 0.1 * self._prior

    def advance(self, strength: Sequence[float]) -> float:
        """Take one look's strength of each group and return its evidence for a beat, in nats."""
        belief, after = self._belief, self._after
        np.add(belief[:-1], self._restart[1:], out=after[1:])
        ended = belief.take(self._ends).reshape(len(_FEELS), self._tempi)
        begun = self._change_feel.dot(ended).dot(self._change).ravel()
        if self._keep is not None:
            np.multiply(begun, self._keep, out=begun)
        np.add(begun, self._restart_begun, out=begun)
        after[self._starts] = begun
        rate = self._rate
        busy = min(1.0, sum(rate) / _BUSY)
        heard = sum(trust * often / (often + _SPARSE) for trust, often in zip(_TRUST, rate, strict=True))
        alone = min(_ALONE, _TRUST_SUM / max(heard, 1e-3))
        self._terms[:] = [*[alone * s for s in strength], *[alone * often for often in rate], busy]
        score = self._terms.dot(self._scores, self._score)
        np.exp(score, out=score)
        np.multiply(after, score, out=after)
        total = float(np.add.reduce(after))
        self._total[()] = 1.0 / total
        np.multiply(after, self._total, out=after)
        self._belief, self._after = after, belief
        self._rate = [often + self._rate_step * (s - often) for often, s in zip(rate, strength, strict=True)]
        return math.log(total) + _NO_RESTART

    def best(self) -> Peak:
        """Where most belief is."""
        top = int(self._belief.argmax())
        return self.around(self._phases.item(top), float(self._lengths[self._which[top]]) * self._hop_s)

    def around(self, phase: float, period_s: float) -> Peak:
        """Mean phase and period, and the mass, of what is believed near a phase and a period."""
        length = period_s / self._hop_s
        # The lengths are whole numbers in a row.
        first = max(math.ceil((1 - _NEAR_TEMPO) * length) - self._shortest, 0)
        last = min(math.floor((1 + _NEAR_TEMPO) * length) - self._shortest, self._tempi - 1)
        if last < first:
            return Peak(phase, period_s, 0.0)
        # The two feels' states are the same places, one feel after the other.
        begin, end = self._starts.item(first), self._ends.item(last) + 1
        apart = self._phases[begin:end] - np.float32(phase)
        np.subtract(apart, np.rint(apart), out=apart)
        np.absolute(apart, out=apart)
        near = self._belief[begin:end] + self._belief[self._a_feel + begin : self._a_feel + end]
        near *= apart < _NEAR_ENOUGH
        mass = float(np.add.reduce(near))
        if mass < 1e-9:
            return Peak(phase, period_s, 0.0)
        x, y = float(near.dot(self._turns_x[begin:end])), float(near.dot(self._turns_y[begin:end]))
        mean = float(near.dot(self._length_of[begin:end])) / mass
        return Peak((math.atan2(y, x) / math.tau) % 1.0, mean * self._hop_s, mass)


def _pattern(feel: _Feel, length: int, hop_s: float) -> np.ndarray:
    """Rate of onsets over a beat of `length` looks, of mean 1 in each range, shape (GROUPS, length)."""
    off = (np.arange(length) - np.array(feel.places)[:, None] * length + length / 2) % length - length / 2
    bumps = np.exp(-0.5 * (off * hop_s / np.array(feel.jitter_s)[:, None]) ** 2)
    bumps /= bumps.sum(1, keepdims=True)
    shares = np.array(feel.shares) / np.sum(feel.shares, axis=1, keepdims=True)
    anywhere = np.array(_ANYWHERE)[:, None]
    return length * ((1 - anywhere) * (shares @ bumps) + anywhere / length)
