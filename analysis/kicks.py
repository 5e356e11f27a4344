"""Kick drums told from bass notes and all else that begins low, by a small network that was taught on annotated sound.

`Kicks` waits for the level below 100 Hz to rise and describes, one hop later and another hop later, what it rose to and
what is heard above; `KickStream` asks the network each time, and reports a kick as soon as it is sure enough. What is
seen to fall as a kick does is reported while it falls, if the network has lately called such falls kicks.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import aubio
import numpy as np

from analysis.drum_gate import LEAST_POWER, DrumGate
from analysis.extremes import constant
from analysis.falling import LONGEST, Falling
from analysis.perceptron import Perceptron

__all__ = ["FEATURES", "LIKELY", "LOOKS", "SURE", "WEIGHTS", "KickStream", "Kicks", "Risen"]

WEIGHTS = Path(__file__).with_name("kicks.npz")
"""What `python -m bench.kicks` found."""
_EDGES_HZ = (25, 48, 72, 95, 120, 150, 190, 250, 340, 480, 700, 1100, 1800, 3000, 5000, 8500, 16000)
_BANDS = len(_EDGES_HZ) - 1
_AGO = (0, 1, 2, 3, 4, 6)
"""How many hops before the description its spectra lie."""
_LEVELS = 7
"""Levels described: of the present hop and those before it."""
FEATURES = len(_AGO) * _BANDS + 2 * _LEVELS + 2 + _BANDS + 1 + 1
"""Length of a description."""
LOOKS = (1, 2)
"""Hops from the rise to the descriptions."""
_CORNER_HZ, _BODY_HZ = 100.0, 210.0
_RISE = 1.7
"""What the level below 100 Hz has to be of the most it has been for something to begin; the network says what."""
_HISTORY_S, _SKIP = 0.11, 8
"""How far back that most reaches, and how many of the newest hops are left out: a kick takes some to swell."""
_APART_S, _LATELY_S = 0.045, 3.0
"""Least time from one rise to the next, and how long the most of late lasts."""
_TINY, _MOST_DB = 1e-9, 60.0


class Risen(NamedTuple):
    """What began low.

    Attributes
    ----------
    hops : int
        Since it began.
    described : ndarray, shape (FEATURES,)
    attack : float
        By how much the mean square below 100 Hz rose.
    """

    hops: int
    described: np.ndarray
    attack: float


class Kicks:
    """Finds what begins below 100 Hz and describes it.

    A description holds, in dB beside the whole of the present spectrum: 16 bands from 25 Hz to 16 kHz, now and up to
    six hops before; the level below 100 Hz and that about 210 Hz, where a snare's skin sounds, hop by hop, and the most
    they were before; the most in each band of the last seconds, which says what else is being played. Further, the rise
    beside the largest rise of late, and how many hops ago it began.

    The levels are those of filters that run on instead of a spectrum: no window is both short and narrow enough to part
    60 Hz from 180 Hz.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    n_fft : int
        Length of the transform whose power spectra are handed to it.

    Attributes
    ----------
    absent : ndarray of int
        Values of a description that there are none of at this sample rate.
    fallen : float
        By how much the mean square about 210 Hz rose, in the hop in which it is seen to fall as a kick does, else 0.
    """

    def __init__(self, sample_rate: int, hop: int, n_fft: int) -> None:
        # The two sections of a fourth-order Butterworth low-pass.
        self._low = [_biquad("low", _CORNER_HZ, q, sample_rate) for q in (0.541, 1.307)]
        self._body = _biquad("band", _BODY_HZ, 1.0, sample_rate)
        self._falling, self.fallen = Falling(sample_rate, hop), 0.0
        bins = np.maximum(1, np.round(np.array(_EDGES_HZ) * n_fft / sample_rate).astype(int))
        # At low sample rates the highest bands lie above what there is, and stay empty.
        self._present = int(np.count_nonzero(bins[1:] <= n_fft // 2))
        # Where they are in a description.
        rows = np.arange(len(_AGO) * _BANDS).reshape(len(_AGO), _BANDS)[:, self._present :].ravel()
        context = len(_AGO) * _BANDS + 2 * _LEVELS + 2 + np.arange(self._present, _BANDS)
        self.absent = np.concatenate([rows, context])
        self._starts, self._end = bins[: self._present], int(bins[self._present])
        self._power = np.zeros(self._end)
        hop_s = hop / sample_rate
        self._apart = max(LOOKS[-1] + 1, round(_APART_S / hop_s))
        self._keep = math.exp(-2.0 * hop_s / _LATELY_S)
        self._kept, self._least = constant(self._keep, np.float64), constant(_TINY, np.float64)
        count = round(_HISTORY_S / hop_s) + _SKIP
        self._levels, self._bodies = [0.0] * count, [0.0] * count
        self._spectra = np.zeros((_AGO[-1] + 1, _BANDS))
        self._at = 0
        self._lately, self._largest = np.full(_BANDS, _TINY), _TINY
        self._since = self._apart
        self._before = (0.0, 0.0)
        self._context: np.ndarray = np.zeros(_BANDS)
        self._context_rise = _TINY

    def process(self, samples: np.ndarray, spectrum: np.ndarray, learn: bool = False) -> Risen | None:
        """Take one hop, shape (hop,), and its power spectrum; return what began one or two hops ago, or None.

        While learning, what is heard is taken as having been there before.
        """
        low, body = self._low[1](self._low[0](samples)), self._body(samples)
        level, skin = float(low.dot(low)) / len(low), float(body.dot(body)) / len(body)
        levels, bodies = self._levels, self._bodies
        if learn:
            levels[:] = [max(past, level) for past in levels]
            bodies[:] = [max(past, skin) for past in bodies]
        before, skin_before = max(levels[:-_SKIP]), max(bodies[:-_SKIP])
        self.fallen = self._falling.process(body, skin, skin_before, LEAST_POWER)
        self._at = (self._at + 1) % len(self._spectra)
        bands = self._spectra[self._at]
        # In double precision, to which numpy would turn it piece by piece.
        self._power[:] = spectrum[: self._end]
        np.add.reduceat(self._power, self._starts, out=bands[: self._present])
        self._since += 1
        if self._since > self._apart and level > max(LEAST_POWER, _RISE * before):
            self._since = 0
            self._before = before, skin_before
            self._context, self._context_rise = self._lately.copy(), self._largest
        levels.append(level)
        bodies.append(skin)
        del levels[0], bodies[0]
        lately = self._lately
        np.multiply(lately, self._kept, out=lately)
        np.maximum(lately, bands, out=lately)
        np.maximum(lately, self._least, out=lately)
        self._largest = max(self._largest * self._keep, level - before, _TINY)
        if self._since not in LOOKS:
            return None
        attack = max(level - self._before[0], 0.0)
        return Risen(self._since, self._describe(attack), attack)

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._since = self._apart
        self._falling.clear()

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no rise."""
        gain = 10 ** (gain_db / 10)
        self._levels = [gain * level for level in self._levels]
        self._bodies = [gain * level for level in self._bodies]
        self._before = gain * self._before[0], gain * self._before[1]
        self._spectra *= gain
        self._lately *= gain
        self._context *= gain
        self._largest *= gain
        self._context_rise *= gain
        self._falling.amplified(gain_db)

    def _describe(self, attack: float) -> np.ndarray:
        rows = [(self._at - ago) % len(self._spectra) for ago in _AGO]
        power = np.concatenate(
            [
                self._spectra[rows].ravel(),
                self._levels[-_LEVELS:],
                self._bodies[-_LEVELS:],
                self._before,
                self._context,
            ]
        )
        beside_db = 10.0 * np.log10(power + _TINY) - 10.0 * math.log10(float(self._spectra[self._at].sum()) + _TINY)
        rise_db = 10.0 * math.log10((attack + _TINY) / (self._context_rise + _TINY))
        described = np.append(beside_db, [rise_db, self._since])
        return np.minimum(np.maximum(described, -_MOST_DB, out=described), _MOST_DB, out=described)


SURE, LIKELY, NEVER = 1.5, 0.0, -5.0
"""Log odds above which the first description, and the last, is a kick's; below which what falls soon after is none."""
SETTLED, MOST_TRUST = 13, 3
"""Hops after a fall at which what the network says of it is in, and how far trust in falls can grow."""
APART_S, LEAST_SHARE = 0.09, 0.02
"""Least time between two kicks, and least attack beside the largest of the last seconds."""


class KickStream:
    """Says when there is a kick drum.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    n_fft : int
        Length of the transform whose power spectra are handed to it.
    """

    def __init__(self, sample_rate: int, hop: int, n_fft: int) -> None:
        self._kicks, self._network = Kicks(sample_rate, hop, n_fft), Perceptron(WEIGHTS)
        self._gate = DrumGate(hop / sample_rate, LEAST_SHARE, APART_S)
        # Hops since the network said no, and yes, and since a fall; how many falls more were kicks of late than not.
        self._denied, self._told, self._fell, self._trust = LONGEST, SETTLED + LONGEST, SETTLED, 0

    def process(self, samples: np.ndarray, spectrum: np.ndarray, learn: bool = False) -> float:
        """Take one hop, shape (hop,), float32, and its power spectrum; return the strength of a kick in it, or 0."""
        self._gate.step()
        self._denied += 1
        self._told += 1
        self._fell += 1
        risen, fallen = self._kicks.process(samples, spectrum, learn), self._kicks.fallen
        strength = 0.0
        if risen is not None:
            # What cannot be heard says neither yes nor no; as silence it would be like no kick that was taught.
            risen.described[self._kicks.absent] = self._network.mean[self._kicks.absent]
            (odds,) = self._network(risen.described).tolist()
            if odds > (LIKELY if risen.hops == LOOKS[-1] else SURE):
                self._told, strength = 0, self._gate.passes(risen.attack)
            elif odds < NEVER:
                self._denied = 0
        if fallen:
            self._fell = 0
            if self._trust and self._denied > LONGEST:
                strength = strength or self._gate.passes(fallen)
        elif self._fell == SETTLED:
            is_kick = self._told < SETTLED + LONGEST
            self._trust = min(self._trust + 1, MOST_TRUST) if is_kick else max(self._trust - 1, 0)
        return strength

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._kicks.clear()
        self._fell = SETTLED

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no kick."""
        self._kicks.amplified(gain_db)
        self._gate.amplified(gain_db)


def _biquad(kind: str, frequency_hz: float, q: float, sample_rate: int) -> aubio.digital_filter:
    """Return a second-order low-pass or band-pass (R. Bristow-Johnson, Audio EQ cookbook)."""
    w = 2 * math.pi * frequency_hz / sample_rate
    alpha, cosine = math.sin(w) / (2 * q), math.cos(w)
    b = ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2) if kind == "low" else (alpha, 0.0, -alpha)
    a0 = 1 + alpha
    biquad = aubio.digital_filter(3)
    biquad.set_biquad(b[0] / a0, b[1] / a0, b[2] / a0, -2 * cosine / a0, (1 - alpha) / a0)
    return biquad
