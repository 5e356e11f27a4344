"""`BeatClock`: a beat phase that only ever runs forward, pulled towards where the beat is said to be."""

from __future__ import annotations

import math

from analysis.beat_space import wrapped

__all__ = ["BeatClock"]

_SLEW_S = 0.3
_FASTEST_SLEW, _SLOWEST_SLEW = 1.0, -0.5
_WALK_PER_S = 2.0


class BeatClock:
    """An oscillator that makes up for what it is off by running at half to double speed.

    Its phase never goes back except from 1 to 0. From rest it waits for the next beat; sent to rest, it runs on to
    the next beat and stays at 0.

    Parameters
    ----------
    hop_s : float
        Time of one `run`.

    Attributes
    ----------
    phase : float
        Place between two beats, 0 to 1.
    period_s : float
        Length of a beat; 0 while there is none.
    running : bool
        Whether the phase moves.
    """

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        self.phase = 0.0
        self.period_s = 0.0
        self.running = False
        self._error = 0.0

    def aim(self, phase: float, period_s: float) -> None:
        """Say that the hop of the next `run` ends at `phase` of a beat of `period_s` seconds."""
        self.period_s = period_s
        begin = phase - self._hop_s / period_s
        self._error = wrapped(begin - self.phase) if self.running else begin % 1.0

    def rest(self) -> None:
        """Run on to the next beat and stay there."""
        self.period_s = 0.0

    def skip(self, seconds: float) -> int:
        """Move on over a time that was not heard and return how many beats began in it."""
        if not (self.period_s and self.running):
            return 0
        beats, self.phase = divmod(self.phase + seconds / self.period_s, 1.0)
        return int(beats)

    def run(self) -> bool:
        """Advance by one hop and return whether a beat began in it."""
        if not self.period_s:
            if self.running:
                self.phase += _WALK_PER_S * self._hop_s
                if self.phase >= 1.0:
                    self.phase, self.running = 0.0, False
            return False
        step = self._hop_s / self.period_s
        if not self.running:
            self._error += step
            if self._error < 1.0:
                return False
            self.running, self.phase, self._error = True, (self._error - 1.0) % 1.0, 0.0
            return True
        pull = min(max(self._error * self._hop_s / _SLEW_S, _SLOWEST_SLEW * step), _FASTEST_SLEW * step)
        self._error -= pull
        self.phase += step + pull
        if self.phase < 1.0:
            return False
        self.phase -= 1.0
        return True

    @property
    def next_beat_s(self) -> float:
        """Seconds until the next beat begins, what is still to be made up for counted in; infinite without a tempo."""
        if not self.period_s:
            return math.inf
        if not self.running:
            return (1.0 - self._error) * self.period_s
        left = 1.0 - self.phase
        ahead_s = left * self.period_s
        for _ in range(3):
            made_up = self._error * (1.0 - math.exp(-ahead_s / _SLEW_S))
            made_up = min(max(made_up, 2.0 * _SLOWEST_SLEW * left), _FASTEST_SLEW * left / 2.0)
            ahead_s = (left - made_up) * self.period_s
        return ahead_s
