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
_INSISTED = 0.9
_SKIP_MOST_S = 4.0
"""After a longer hole, where no beat is followed, nothing is known of its phase."""
_NEAR_BEATS, _NEAR_TEMPO = 0.15, 0.06
_NEAR_ENOUGH = constant(_NEAR_BEATS)


class _Feel(NamedTuple):
    """What begins where in a cell of one beat or two.

    Attributes
    ----------
    often : float
        How much of all music is of this feel.
    places : tuple of float
        Places in the cell, 0 to 1.
    jitter_s : tuple of float
        How far what begins at each place strays from it.
    shares : tuple of tuple of float
        How much begins at each place beside the beat itself, in the low, middle and high range.
    beats : int
        Beats in a cell.
    slowest_bpm, fastest_bpm : float
        How many cells there may be in a minute.
    """

    often: float
    places: tuple[float, ...]
    jitter_s: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...]
    beats: int = 1
    slowest_bpm: float = SLOWEST_BPM
    fastest_bpm: float = FASTEST_BPM


_STRAIGHT = _Feel(
    0.6,
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
    0.25,
    (0.0, 1 / 2, 1 / 4, 3 / 4, 0.64, 1 / 3),
    (0.014, 0.014, 0.014, 0.014, 0.022, 0.014),
    (
        (1.00, 0.05, 0.02, 0.02, 0.15, 0.04),
        (1.00, 0.06, 0.03, 0.03, 0.25, 0.05),
        (1.00, 0.08, 0.03, 0.03, 0.80, 0.08),
    ),
)
# Bass drum, snare, bass drum, snare, faster than 136 BPM. There a beat of whole looks is up to 1.7 % too long or too
# short; two beats together are half that.
_BACKBEAT = _Feel(
    0.15,
    (0.0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 3 / 8, 5 / 8, 7 / 8),
    (0.014,) * 8,
    (
        (1.00, 0.25, 0.10, 0.25, 0.03, 0.03, 0.03, 0.03),
        (0.30, 1.00, 0.06, 0.06, 0.04, 0.04, 0.04, 0.04),
        (0.80, 1.00, 0.45, 0.45, 0.12, 0.12, 0.12, 0.12),
    ),
    beats=2,
    slowest_bpm=68.0,
    fastest_bpm=FASTEST_BPM / 2,
)
_FEELS = (_STRAIGHT, _SWUNG, _BACKBEAT)


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
    once for each feel, straight and swung, which may also change at a beat. A third feel, the backbeat, has cells of
    two fast beats; a straight beat may go on as one of its cells, and so as two beats.

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
        runs = [_cells(feel, hop_s) for feel in _FEELS]
        sizes, tempi, cells = [len(run) for run in runs], runs[0], np.concatenate(runs)
        often, beats = np.array([feel.often for feel in _FEELS]), np.array([feel.beats for feel in _FEELS])
        feel_of = np.repeat(np.arange(len(_FEELS)), sizes)
        ends = np.cumsum(cells)
        self._starts, self._ends = ends - cells, ends - 1
        # Where tempo and phase are meant, they are those of the beats, not of the cells.
        self._beats = beats[feel_of]
        self._lengths = cells / self._beats
        self._which = np.repeat(np.arange(len(cells)), cells)
        places = (np.arange(ends[-1]) - self._starts[self._which]) / self._lengths[self._which]
        self._phases = (places % 1.0).astype(np.float32)
        turns = 2.0 * np.pi * self._phases
        # What is averaged over states near a beat: themselves, where in the beat they are, and its length.
        self._readings = np.stack(
            [np.ones_like(turns), np.cos(turns), np.sin(turns), self._lengths[self._which].astype(np.float32)]
        )
        # Straight and swung have the same states, one feel after the other.
        self._alike = (
            (1, int(tempi[0]), int(tempi[-1]), 0, (int(tempi.sum()),)),
            (_BACKBEAT.beats, int(runs[2][0]), int(runs[2][-1]), 2 * len(tempi), ()),
        )
        self._slots = feel_of * len(tempi) + cells - tempi[0]
        self._ended = np.zeros((len(_FEELS), len(tempi)), np.float32)
        change = np.exp(-_CHANGE * np.abs(tempi[:, None] / tempi[None, :] - 1.0))
        self._change = (change / change.sum(0)).T.astype(np.float32)
        self._change_feel = (_STAY * np.eye(len(_FEELS)) + (1 - _STAY) * often[:, None]).astype(np.float32)
        octaves = np.log2(60.0 / (self._lengths * hop_s) / _CENTRE_BPM)
        # Tempi lie closer than on a log scale by the length of their cells, and each has as many states.
        self._weights = often[feel_of] * np.exp(-0.5 * (octaves / _WIDTH_OCTAVES) ** 2) / cells**2
        patterns = [_pattern(feel, int(n), hop_s) for feel, run in zip(_FEELS, runs, strict=True) for n in run]
        pattern = np.concatenate(patterns, axis=1)
        trust = np.array(_TRUST)[:, None]
        self._salience = (-_SALIENCE_PER_S * hop_s * octaves**2).astype(np.float32)
        columns = np.concatenate([trust * np.log(pattern), trust * (1.0 - pattern), self._salience[self._which][None]])
        self._scores = np.ascontiguousarray(columns, np.float32)
        self._score = np.empty(self._scores.shape[1], np.float32)
        self._total = constant(1.0)
        self._rate = [0.02] * GROUPS
        self._terms = np.zeros(2 * GROUPS + 1, np.float32)
        # Of a look in which nothing begins: the rates and how busy it is. That is most looks, and the columns do not
        # fit into a core's own memory all at once.
        self._quiet_terms, self._quiet_scores = self._terms[GROUPS:], self._scores[GROUPS:]
        self._ended_at = self._ended.reshape(-1)
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
        """Say that tempi near `period_s` are likelier from now on: music seldom changes its level. 0 for none.

        A backbeat of two beats in `period_s` loses nothing.
        """
        anew, salience = self._prior, self._salience
        if period_s > 0.0:
            octaves = np.log2(self._lengths * self._hop_s / period_s)
            near = self._range * np.exp(-0.5 * (octaves / _JUMP_OCTAVES) ** 2)
            if near.sum() > 0.0:
                anew = np.float32(1 - _JUMP_NEAR) * self._prior + np.float32(_JUMP_NEAR) * self._spread(near)
            apart = np.minimum(np.abs(octaves), np.abs(octaves + np.log2(self._beats)))
            level = np.minimum(apart**2, 1.0)
            salience = salience - np.float32(_LEVEL_PER_S * self._hop_s) * level
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

    def insist(self, phase: float, period_s: float, sure: float = 1.0) -> None:
        """Believe that the beat is at `phase` and lasts `period_s`.

        Parameters
        ----------
        phase, period_s : float
        sure : float
            0 to 1. At 1 somebody says so who knows, and what was believed before counts no more.
        """
        length = period_s / self._hop_s
        apart = (self._phases - np.float32(phase) + 0.5) % 1.0 - 0.5
        tempo = np.exp(-0.5 * (np.log(self._lengths / length) / 0.02) ** 2) / self._lengths
        blob = np.exp(-0.5 * (apart / 0.05) ** 2) * tempo[self._which].astype(np.float32)
        total = float(blob.sum())
        if total > 0.0:
            share = _INSISTED * sure
            others = self._belief if sure < 1.0 else self._prior
            self._belief[:] = share * blob / total + (1.0 - share) * others

    def skip(self, looks: int) -> None:
        """Move on over looks in which nothing was heard."""
        if looks * self._hop_s > _SKIP_MOST_S:
            self._belief[:] = self._prior
            return
        for _ in range(looks):
            self._move()
            np.multiply(self._after, np.float32(1 - _RESTART), out=self._after)
            self._belief, self._after = self._after, self._belief
        self._belief /= self._belief.sum()

    def _move(self) -> None:
        """Put into `_after` what is to be believed a look later."""
        belief, after = self._belief, self._after
        np.add(belief[:-1], self._restart[1:], out=after[1:])
        self._ended_at[self._slots] = belief.take(self._ends)
        begun = self._change_feel.dot(self._ended).dot(self._change).take(self._slots)
        if self._keep is not None:
            np.multiply(begun, self._keep, out=begun)
        np.add(begun, self._restart_begun, out=begun)
        after[self._starts] = begun

    def advance(self, strength: Sequence[float]) -> float:
        """Take one look's strength of each group and return its evidence for a beat, in nats."""
        self._move()
        after = self._after
        rate = self._rate
        busy = min(1.0, sum(rate) / _BUSY)
        heard = sum(trust * often / (often + _SPARSE) for trust, often in zip(_TRUST, rate, strict=True))
        alone = min(_ALONE, _TRUST_SUM / max(heard, 1e-3))
        self._terms[:] = [*[alone * s for s in strength], *[alone * often for often in rate], busy]
        score = self._score
        if any(strength):
            self._terms.dot(self._scores, score)
        else:
            self._quiet_terms.dot(self._quiet_scores, score)
        np.exp(score, out=score)
        total = float(after.dot(score))
        np.multiply(after, score, out=after)
        self._total[()] = 1.0 / total
        np.multiply(after, self._total, out=after)
        self._belief, self._after = after, self._belief
        self._rate = [often + self._rate_step * (s - often) for often, s in zip(rate, strength, strict=True)]
        return math.log(total) + _NO_RESTART

    def best(self) -> Peak:
        """Where most belief is."""
        top = int(self._belief.argmax())
        return self.around(self._phases.item(top), self._lengths.item(self._which.item(top)) * self._hop_s)

    @property
    def backbeat(self) -> float:
        """Probability that it is a backbeat."""
        return float(np.add.reduce(self._belief[self._starts.item(self._alike[1][3]) :]))

    def around(self, phase: float, period_s: float) -> Peak:
        """Mean phase and period, and the mass, of what is believed near a phase and a period."""
        mass = x = y = looks = 0.0
        for beats, shortest, longest, run, more in self._alike:
            cell = beats * period_s / self._hop_s
            # Cells are whole numbers of looks in a row.
            first = max(math.ceil((1 - _NEAR_TEMPO) * cell), shortest)
            last = min(math.floor((1 + _NEAR_TEMPO) * cell), longest)
            if last < first:
                continue
            begin, end = self._starts.item(run + first - shortest), self._ends.item(run + last - shortest) + 1
            apart = self._phases[begin:end] - np.float32(phase)
            np.subtract(apart, np.rint(apart), out=apart)
            np.absolute(apart, out=apart)
            near = self._belief[begin:end]
            for further in more:
                near = near + self._belief[further + begin : further + end]
            near = near * (apart < _NEAR_ENOUGH)
            read = self._readings[:, begin:end].dot(near).tolist()
            mass, x, y, looks = mass + read[0], x + read[1], y + read[2], looks + read[3]
        if mass < 1e-9:
            return Peak(phase, period_s, 0.0)
        return Peak((math.atan2(y, x) / math.tau) % 1.0, looks / mass * self._hop_s, mass)


def _cells(feel: _Feel, hop_s: float) -> np.ndarray:
    """Return in how many looks a cell of a feel may pass, shape (tempi,)."""
    return np.arange(math.ceil(60.0 / feel.fastest_bpm / hop_s), math.floor(60.0 / feel.slowest_bpm / hop_s) + 1)


def _pattern(feel: _Feel, length: int, hop_s: float) -> np.ndarray:
    """Rate of onsets over a cell of `length` looks, of mean 1 in each range, shape (GROUPS, length)."""
    off = (np.arange(length) - np.array(feel.places)[:, None] * length + length / 2) % length - length / 2
    bumps = np.exp(-0.5 * (off * hop_s / np.array(feel.jitter_s)[:, None]) ** 2)
    bumps /= bumps.sum(1, keepdims=True)
    shares = np.array(feel.shares) / np.sum(feel.shares, axis=1, keepdims=True)
    anywhere = np.array(_ANYWHERE)[:, None]
    return length * ((1 - anywhere) * (shares @ bumps) + anywhere / length)
