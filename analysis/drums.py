"""Kick, snare and hat told apart, each by what its own part of the spectrum does."""

from __future__ import annotations

import math

import aubio
import numpy as np

from analysis.fast_onsets import EDGES_HZ, AttackFunction
from analysis.hits import Hits, Judge

__all__ = ["DRUMS", "KickStream", "WireStreams"]

DRUMS = ("kick", "snare", "hat")

_PEAK_S = 3.0
_LEAST_POWER = 10 ** (-7.5)
"""Attacks weaker than -75 dB of full scale are no drum."""


class _Gate:
    """Lets an attack pass that is not small beside the largest of the last seconds, and not too soon."""

    def __init__(self, step_s: float, least_share: float, apart_s: float) -> None:
        self._step_s, self._least_share, self._apart_s = step_s, least_share, apart_s
        self._keep = math.exp(-2.0 * step_s / _PEAK_S)
        self._largest = 0.0
        self._since_s = math.inf

    def step(self) -> None:
        self._since_s += self._step_s
        self._largest *= self._keep

    def passes(self, attack: float) -> float:
        """Return the strength of an attack given by its rise in mean square; 0 if it does not pass."""
        if self._since_s < self._apart_s or attack < max(_LEAST_POWER, self._least_share * self._largest):
            return 0.0
        self._since_s = 0.0
        self._largest = max(self._largest, attack)
        return math.sqrt(attack / self._largest)


def _biquad(kind: str, frequency_hz: float, q: float, sample_rate: int) -> aubio.digital_filter:
    """Return a second-order low-pass or band-pass (R. Bristow-Johnson, Audio EQ cookbook)."""
    w = 2 * math.pi * frequency_hz / sample_rate
    alpha, cosine = math.sin(w) / (2 * q), math.cos(w)
    b = ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2) if kind == "low" else (alpha, 0.0, -alpha)
    a0 = 1 + alpha
    biquad = aubio.digital_filter(3)
    biquad.set_biquad(b[0] / a0, b[1] / a0, b[2] / a0, -2 * cosine / a0, (1 - alpha) / a0)
    return biquad


class KickStream:
    """Kick drums: a jump of the level below 100 Hz while the octave above, where a snare's skin sounds, is weaker.

    Filters that run on instead of a spectrum: no window is both short and narrow enough to part 60 Hz from 180 Hz.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    """

    CORNER_HZ, BODY_HZ = 100.0, 210.0
    HISTORY_S, SKIP = 0.11, 8
    RISE, OVER_BODY, LEAST_SHARE, APART_S = 3.0, 0.6, 0.12, 0.09
    KNOWN_SHARE, KNOWN_S = 0.25, 30.0

    def __init__(self, sample_rate: int, hop: int) -> None:
        # The two sections of a fourth-order Butterworth low-pass.
        self._low = [_biquad("low", self.CORNER_HZ, q, sample_rate) for q in (0.541, 1.307)]
        self._body = _biquad("band", self.BODY_HZ, 1.0, sample_rate)
        hop_s = hop / sample_rate
        self._gate = _Gate(hop_s, self.LEAST_SHARE, self.APART_S)
        self._history = [0.0] * (round(self.HISTORY_S / hop_s) + self.SKIP)
        self._before = (0.0, 0.0)
        self._risen = False
        self._known, self._known_keep = 0.0, math.exp(-2.0 * hop_s / self.KNOWN_S)

    def process(self, samples: np.ndarray, learn: bool = False) -> float:
        """Take one hop, shape (hop,), float32, and return the strength of a kick in it, or 0."""
        low, body = self._low[1](self._low[0](samples)), self._body(samples)
        low_now, body_now = float(np.dot(low, low)) / len(low), float(np.dot(body, body)) / len(body)
        # Two hops are about a period of what is looked for, squared: the sum does not ripple.
        level, skin = (low_now + self._before[0]) / 2, (body_now + self._before[1]) / 2
        self._before = low_now, body_now
        history = self._history
        before = max(history[: -self.SKIP])
        if learn:
            before = max(before, level)
        history.append(level)
        del history[0]
        self._gate.step()
        self._known *= self._known_keep
        risen, self._risen = self._risen, level > self.RISE * before
        # One hop more, for the skin's filter rings up more slowly than a kick comes.
        if not (risen and self._risen):
            return 0.0
        # Beside a kick of late, what a snare's skin leaves below 100 Hz is small: then there is no need to wait until
        # the falling pitch of a kick has come down.
        known = self._known > 0.0 and level - before >= self.KNOWN_SHARE * self._known
        if level < self.OVER_BODY * skin and not known:
            return 0.0
        strength = self._gate.passes(level - before)
        if strength:
            self._known = max(self._known, level - before)
        return strength


_WIRES = slice(EDGES_HZ.index(2_600.0), EDGES_HZ.index(11_000.0))
_HIGH = slice(EDGES_HZ.index(5_200.0), EDGES_HZ.index(16_000.0))


class WireStreams:
    """Snares, claps and hats, from the bands of the mix's attack function, as `analysis.hits` tells them apart.

    A snare's wires are at least a third as strong as the strongest of late: a hat on a plucked note looks like a snare,
    but is weaker. So are ghost notes, which are given up for that.

    Parameters
    ----------
    look_s : float
        Time between two looks.
    """

    SNARE_SHARE, SNARE_APART_S = 0.3, 0.07
    HAT_SHARE, HAT_APART_S = 0.003, 0.045

    def __init__(self, look_s: float) -> None:
        self._hits, self._judge = Hits(look_s), Judge()
        self._snare = _Gate(look_s, self.SNARE_SHARE, self.SNARE_APART_S)
        self._hat = _Gate(look_s, self.HAT_SHARE, self.HAT_APART_S)

    def process(self, attacks: AttackFunction, learn: bool = False) -> tuple[float, float]:
        """Take what the attack function made of a look and return the strengths of a snare and of a hat in it, or 0."""
        self._snare.step()
        self._hat.step()
        if learn:
            self.clear()
            return 0.0, 0.0
        described = self._hits.process(attacks)
        if described is None:
            return 0.0, 0.0
        snare, hat = self._judge(described)
        new = self._hits.new
        return (
            self._snare.passes(float(new[_WIRES].sum())) if snare > 0.0 else 0.0,
            self._hat.passes(float(new[_HIGH].sum())) if hat > 0.0 else 0.0,
        )

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no hit."""
        self._hits.amplified(gain_db)

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._hits.clear()
