"""Tempo, and a beat phase that only ever runs forward."""

from __future__ import annotations

import cmath
import math

import aubio
import numpy as np

from analysis.timing import power_of_two

__all__ = ["BeatClock"]

_HOP_S = 256 / 44_100
"""aubio's tracker looks back over a power of two of hops: with this hop it is 5.9 s at every sample rate."""
_WINDOW_S = 1024 / 44_100
_SLOWEST_BPM, _FASTEST_BPM = 40.0, 240.0
_HITS_NEEDED, _HITS_WITHIN_S = 4, 6.0
_FORGET_SILENT_S, _FORGET_HITLESS_S = 4.0, 30.0
_SAME_TEMPO = 0.06
_SLEW_S = 0.3
_FASTEST_SLEW, _SLOWEST_SLEW = 1.0, -0.5
_KICK_S = 6.0
_KICK_RISE, _KICK_SURE = 0.03, 0.2
"""Rise of the low level in a hop that a kick drum exceeds and a swelling pad does not; and how much is evidence."""
_TAP_PAUSE_S = 2.5


def _wrapped(beats: float) -> float:
    """Return `beats` moved by whole beats into -0.5..0.5."""
    return beats - math.floor(beats + 0.5)


class BeatClock:
    """Beat phase and tempo from `aubio.tempo`, kick drums and taps.

    aubio finds the tempo, and where beats may lie. It is often exactly half a beat off when there are off-beat
    hats, so the rise of the low band, folded onto the beat, decides between the two. The phase is an oscillator which
    is pulled towards the beats heard by running at half to double speed: it never goes back except
    from 1 to 0.

    The tempo is known once some hits were heard (aubio reports a tempo for plain noise as well), and is forgotten
    after 4 s of silence or 30 s without a hit; then the phase runs on to the next beat and rests at 0.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._rate, self._hop_s = sample_rate, hop / sample_rate
        self._block = round(_HOP_S * sample_rate)
        window = max(power_of_two(_WINDOW_S * sample_rate), power_of_two(2 * self._block))
        self._tracker = aubio.tempo("default", window, self._block, sample_rate)
        self._tracker.set_silence(-60.0)
        self._pending = np.zeros(self._block + hop, np.float32)
        self._filled = 0
        self._fed = 0
        self._now_s = 0.0
        self._hits: list[float] = []
        self._quiet_s = 0.0
        self._period_s = 0.0
        self._candidate_s = 0.0
        self._phase = 0.0
        self._error = 0.0
        self._running = False
        self._kick = 0j
        self._kick_keep = math.exp(-self._hop_s / _KICK_S)
        self._low = 0.0
        self._taps: list[float] = []
        self._tapped_s = 0.0

    @property
    def tempo(self) -> float:
        """Tempo in BPM; 0 while it is not known."""
        return 60.0 / self._period_s if self._period_s else 0.0

    @property
    def phase(self) -> float:
        """Position between two beats, 0 to 1; 0 while the tempo is not known."""
        return self._phase

    def process(self, samples: np.ndarray, *, low: float, hit: bool, audible: bool) -> int:
        """Take one hop, shape (hop,), and return how many beats began in it (0 or 1).

        Parameters
        ----------
        low : float
            Level below 200 Hz, 0 to 1.
        hit : bool
            Whether an onset is reported in this hop.
        audible : bool
            Whether the hop is above the silence gate.
        """
        self._now_s += self._hop_s
        self._quiet_s = 0.0 if audible else self._quiet_s + self._hop_s
        if hit:
            self._hits.append(self._now_s)
            del self._hits[:-_HITS_NEEDED]
        rise = max(0.0, low - self._low - _KICK_RISE)
        self._kick = self._kick * self._kick_keep + rise * cmath.exp(2j * math.pi * self._phase)
        self._low = low
        self._feed(samples)
        self._forget()
        return self._run()

    def tap(self, ago_s: float = 0.0) -> None:
        """Say that a beat was `ago_s` seconds ago. One tap moves the beat; three or more set the tempo as well."""
        at = self._now_s - max(0.0, ago_s)
        if self._taps and not 0.2 <= at - self._taps[-1] <= _TAP_PAUSE_S:
            self._taps.clear()
        self._taps = [*self._taps[-7:], at]
        if len(self._taps) >= 3:
            self._tapped_s = self._period_s = (self._taps[-1] - self._taps[0]) / (len(self._taps) - 1)
        if self._period_s:
            self._aim((self._now_s - at) / self._period_s)

    def skip(self, gap_s: float) -> None:
        """Let a hole in the sound pass: the tempo stays, and the phase runs on through it without beats."""
        self._now_s += gap_s
        self._hits = [time + gap_s for time in self._hits]
        if self._period_s and self._running:
            self._phase = (self._phase + gap_s / self._period_s) % 1.0

    def _feed(self, samples: np.ndarray) -> None:
        end = self._filled + len(samples)
        self._pending[self._filled : end] = samples
        self._filled = end
        while self._filled >= self._block:
            found = bool(self._tracker(self._pending[: self._block])[0])
            self._fed += self._block
            self._filled -= self._block
            self._pending[: self._filled] = self._pending[self._block : self._block + self._filled].copy()
            if found:
                self._heard()

    def _heard(self) -> None:
        period_s = float(self._tracker.get_period_s())
        known = self._period_s > 0.0
        recent = len(self._hits) == _HITS_NEEDED and self._now_s - self._hits[0] <= _HITS_WITHIN_S
        if not (known or recent) or not 60.0 / _FASTEST_BPM <= period_s <= 60.0 / _SLOWEST_BPM:
            return
        if self._tapped_s:
            if abs(period_s / self._tapped_s - 1.0) > _SAME_TEMPO:
                return
            self._period_s += 0.2 * (period_s - self._period_s)
        elif known and abs(period_s / self._period_s - 1.0) <= _SAME_TEMPO:
            self._period_s += 0.4 * (period_s - self._period_s)
        elif not known or (self._candidate_s and abs(period_s / self._candidate_s - 1.0) <= _SAME_TEMPO):
            self._period_s = period_s
        else:
            # Another tempo counts once it was reported twice in a row.
            self._candidate_s = period_s
            return
        self._candidate_s = 0.0
        age_s = (self._fed + self._filled - int(self._tracker.get_last())) / self._rate
        aim = age_s / self._period_s
        if self._running:
            # The tracker hops between the beat and the off-beat; stay where we are unless the kick drums object.
            if abs(_wrapped(aim - self._phase)) > 0.25:
                aim += 0.5
            if self._kicks_between():
                aim += 0.5
                self._kick = 0j
        self._aim(aim)

    def _kicks_between(self) -> bool:
        """Whether the kick drums fall clearly between the beats."""
        settled = not self._tapped_s and abs(self._error) < 0.1
        return settled and abs(self._kick) > _KICK_SURE and math.cos(cmath.phase(self._kick)) < -0.5

    def _aim(self, phase: float) -> None:
        if self._running:
            self._error = _wrapped(phase - self._phase)
        else:
            # From rest, wait for the next beat.
            self._error = phase % 1.0

    def _forget(self) -> None:
        hitless_s = self._now_s - self._hits[-1] if self._hits else self._now_s
        if self._quiet_s > _FORGET_SILENT_S or (hitless_s > _FORGET_HITLESS_S and not self._tapped_s):
            self._period_s = self._tapped_s = self._candidate_s = 0.0
            self._hits.clear()
            self._taps.clear()

    def _run(self) -> int:
        if not self._period_s:
            if not self._running:
                return 0
            # The tempo was forgotten: run out to the next beat at a walking pace and rest there.
            self._phase += 2.0 * self._hop_s
            if self._phase >= 1.0:
                self._phase, self._running = 0.0, False
            return 0
        step = self._hop_s / self._period_s
        if not self._running:
            self._error += step
            if self._error < 1.0:
                return 0
            self._running, self._phase, self._error = True, (self._error - 1.0) % 1.0, 0.0
            self._kick = 0j
            return 1
        pull = min(max(self._error * self._hop_s / _SLEW_S, _SLOWEST_SLEW * step), _FASTEST_SLEW * step)
        self._error -= pull
        self._phase += step + pull
        if self._phase >= 1.0:
            self._phase -= 1.0
            return 1
        return 0
