"""`Rivals`: when the beat that is followed is left for another that is likelier."""

from __future__ import annotations

import math

from analysis.beat_space import Peak, nearer_the_centre

__all__ = ["Rivals", "akin", "is_kin"]

_RIVAL, _RIVAL_ASTRAY = (3.0, 0.4, 0.8), (3.0, 0.3, 0.3)
"""How many times likelier another beat has to be, how likely, and for how many seconds, before it is followed: as a
rule, and when the beat followed has long been unlikely."""
_ASTRAY_MASS, _ASTRAY_S = 0.05, 1.2
_KIN_INWARD, _KIN_OUTWARD = (4.0, 0.4, 1.5), (8.0, 0.4, 2.5)
"""The same for another reading of the same music, nearer to the usual tempo or not, once a beat is settled."""
_KIN = (0.5, 2.0, 1 / 3, 3.0, 2 / 3, 1.5)
_BACKBEAT, _BACKBEAT_S, _BACKBEAT_MOST, _BACKBEAT_ENOUGH = (2.0, 0.4), 10.0, 3.0, 5.0
"""A backbeat of twice the tempo is weighed against the beat followed: the logarithm of how many times likelier it is,
at most 3 either way, summed over seconds, of which about the last ten count. It is followed from a sum of 5 on, and
twice that for each time that one was."""


class Rivals:
    """Weighs the likeliest beat against the one that is followed, so that half and double do not alternate.

    Parameters
    ----------
    look_s : float
        Seconds from each `leads` to the next.

    Attributes
    ----------
    doubled : int
        How often a backbeat of twice the tempo was followed.
    """

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._keep = math.exp(-look_s / _BACKBEAT_S)
        self.forget()

    def forget(self) -> None:
        """Begin anew: another beat is followed from now on."""
        self._rival_s = self._astray_s = self._weighed = 0.0
        self.doubled = 0

    def leads(self, best: Peak, expected: Peak, here: Peak, *, backbeat: float, clear: bool, settled: bool) -> bool:
        """Take the beats of a look, and return whether `best` is to be followed from now on.

        Parameters
        ----------
        best : Peak
            The likeliest.
        expected, here : Peak
            Where the one followed should be by now, and is.
        backbeat : float
            How likely backbeats are in all, 0 to 1.
        clear : bool
            Whether there is a beat at all.
        settled : bool
            Whether the tempo followed has stood for some seconds.
        """
        self._astray_s = self._astray_s + self._look_s if here.mass < _ASTRAY_MASS else 0.0
        times, least, wait_s = _RIVAL
        ratio, same = best.period_s / expected.period_s, best.near(expected)
        doubles = akin(ratio, 0.5) and backbeat > 0.5 * best.mass
        self._weigh(best, here, backbeat, doubles=doubles, same=same)
        if settled and doubles:
            times, least = _BACKBEAT
        elif settled and is_kin(ratio):
            times, least, wait_s = _KIN_INWARD if nearer_the_centre(best.period_s, expected.period_s) else _KIN_OUTWARD
        elif self._astray_s > _ASTRAY_S:
            times, least, wait_s = _RIVAL_ASTRAY
        better = best.mass > max(least, times * here.mass) and clear and not same
        if better and settled and doubles:
            # It is weighed, not timed: else any other reading would be followed in the wait's place.
            self._rival_s = 0.0
            if self._weighed < _BACKBEAT_ENOUGH * 2**self.doubled:
                return False
            self.doubled += 1
            return True
        self._rival_s = self._rival_s + self._look_s if better else 0.0
        return better and self._rival_s >= wait_s

    def _weigh(self, best: Peak, here: Peak, backbeat: float, *, doubles: bool, same: bool) -> None:
        """Sum how much likelier a backbeat of twice the tempo is than the beat followed."""
        self._weighed *= self._keep
        if doubles or same:
            # While it is not the likeliest, it is believed no more than all backbeats are, or than what is left.
            other = best.mass if doubles else min(backbeat, 1.0 - here.mass)
            times = math.log(max(other, 1e-3) / max(here.mass, 1e-3))
            self._weighed += self._look_s * min(max(times, -_BACKBEAT_MOST), _BACKBEAT_MOST)
        self._weighed = max(self._weighed, 0.0)


def akin(ratio: float, to: float) -> bool:
    """Whether a ratio of two periods is about another."""
    return abs(ratio / to - 1.0) < 0.06


def is_kin(ratio: float) -> bool:
    """Whether two beats with such a ratio of periods are readings of the same music."""
    return any(akin(ratio, kin) for kin in _KIN)
