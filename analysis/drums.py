"""Kick, snare and hat told apart, each by what its own part of the spectrum does."""

from __future__ import annotations

import math

import aubio
import numpy as np

from analysis.fast_onsets import EDGES_HZ, AttackFunction

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


_MID = slice(EDGES_HZ.index(800.0), EDGES_HZ.index(3_600.0))
_WIRES = slice(EDGES_HZ.index(800.0), EDGES_HZ.index(7_600.0))
_HIGH = slice(EDGES_HZ.index(5_200.0), EDGES_HZ.index(16_000.0))


class WireStreams:
    """Snares, claps and hats, from the bands of the mix's attack function.

    A snare or clap raises all of 0.8 to 7.6 kHz at once and stays for 10 ms below 3.6 kHz too, which neither the click
    of a kick nor a hat does. A hat adds far more above 5 kHz than below 3.6 kHz.

    Parameters
    ----------
    look_s : float
        Time between two looks.
    """

    SNARE_RISE_DB, SNARE_SHARE, SNARE_APART_S = 6.0, 0.05, 0.07
    STAYS, STAYS_S, MID_OVER_HIGH = 0.15, 0.0107, 0.12
    HAT_RISE_DB, HAT_SHARE, HAT_APART_S = 3.0, 0.01, 0.045
    HIGH_OVER_MID = 8.0

    def __init__(self, look_s: float) -> None:
        self._snare = _Gate(look_s, self.SNARE_SHARE, self.SNARE_APART_S)
        self._hat = _Gate(look_s, self.HAT_SHARE, self.HAT_APART_S)
        self._stays = max(1, round(self.STAYS_S / look_s))
        self._waited = 0
        self._pending = False
        self._before: tuple[float, float] = (0.0, 0.0)
        self._most = 0.0

    def process(self, attacks: AttackFunction, learn: bool = False) -> tuple[float, float]:
        """Take what the attack function made of a look and return the strengths of a snare and of a hat in it, or 0."""
        self._snare.step()
        self._hat.step()
        if learn:
            return 0.0, 0.0
        rise_db, power = attacks.rise_db, attacks.band_power
        return self._hear_snare(rise_db, power), self._hear_hat(rise_db, power)

    def _hear_snare(self, rise_db: np.ndarray, power: np.ndarray) -> float:
        if not self._pending:
            # All of the five bands but the weakest.
            if np.sort(rise_db[_WIRES])[1] > self.SNARE_RISE_DB:
                self._pending, self._waited = True, 0
                self._before = _before(power[_MID], rise_db[_MID]), _before(power[_HIGH], rise_db[_HIGH])
                self._most = float(power[_MID].sum())
            return 0.0
        mid = float(power[_MID].sum())
        self._most = max(self._most, mid)
        self._waited += 1
        if self._waited < self._stays:
            return 0.0
        self._pending = False
        new_mid, new_high = mid - self._before[0], float(power[_HIGH].sum()) - self._before[1]
        if new_mid < self.STAYS * (self._most - self._before[0]) or new_mid < self.MID_OVER_HIGH * new_high:
            return 0.0
        return self._snare.passes(self._most - self._before[0])

    def _hear_hat(self, rise_db: np.ndarray, power: np.ndarray) -> float:
        high = rise_db[_HIGH]
        if float(high.max()) < self.HAT_RISE_DB or float(high.sum()) < 2.0 * self.HAT_RISE_DB:
            return 0.0
        new_high = float(power[_HIGH].sum()) - _before(power[_HIGH], high)
        new_mid = float(power[_MID].sum()) - _before(power[_MID], rise_db[_MID])
        return self._hat.passes(new_high) if new_high > self.HIGH_OVER_MID * new_mid else 0.0


def _before(power: np.ndarray, rise_db: np.ndarray) -> float:
    """Return the mean square of some bands before they rose."""
    return float(np.dot(power, np.power(10.0, -0.1 * np.maximum(rise_db, 0.0))))
