"""`TapSeries`: the length of a beat from taps, of which some bounce, some are missed and none is exact."""

from __future__ import annotations

__all__ = ["TapSeries"]

_BOUNCE_S, _PAUSE_S = 0.2, 2.5
_FOR_TEMPO, _KEPT = 3, 8
_NEAR = 0.25


class TapSeries:
    """Taps that belong together, the newest eight of them.

    A tap that comes too soon after another is the same press, bounced; one that comes after a pause begins anew.
    """

    def __init__(self) -> None:
        self._taps_s: list[float] = []

    def add(self, at_s: float) -> bool:
        """Take a tap at a time in s, and return whether it counts."""
        if self._taps_s:
            gap_s = at_s - self._taps_s[-1]
            if gap_s < _BOUNCE_S:
                return False
            if gap_s > _PAUSE_S:
                self._taps_s.clear()
        self._taps_s = [*self._taps_s[1 - _KEPT :], at_s]
        return True

    def clear(self) -> None:
        """Begin anew with the next tap."""
        self._taps_s.clear()

    @property
    def newest_s(self) -> float:
        """Time of the newest tap."""
        return self._taps_s[-1]

    @property
    def period_s(self) -> float | None:
        """Length of a beat; None of fewer than three taps.

        The median gap says it, the lower of two, since a gap is more often too long, by a beat that was missed, than
        too short. The gaps near it, and near so many times it, which count as so many beats, then say it exactly;
        others are left out.
        """
        if len(self._taps_s) < _FOR_TEMPO:
            return None
        gaps = [after - before for before, after in zip(self._taps_s, self._taps_s[1:], strict=False)]
        median = sorted(gaps)[(len(gaps) - 1) // 2]
        counted = [(gap, max(1, round(gap / median))) for gap in gaps]
        fitting = [(gap, beats) for gap, beats in counted if abs(gap / median - beats) < _NEAR]
        mean_s = sum(gap for gap, _ in fitting) / sum(beats for _, beats in fitting)
        # A gap that counts as two may be shorter than two that count.
        return max(mean_s, _BOUNCE_S)
