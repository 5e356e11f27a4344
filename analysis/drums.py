"""Snare and hat told apart in what begins above 0.8 kHz."""

from __future__ import annotations

from analysis.drum_gate import DrumGate
from analysis.fast_onsets import EDGES_HZ, AttackFunction
from analysis.hits import Hits, Judge

__all__ = ["DRUMS", "WireStreams"]

DRUMS = ("kick", "snare", "hat")

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
        self._snare = DrumGate(look_s, self.SNARE_SHARE, self.SNARE_APART_S)
        self._hat = DrumGate(look_s, self.HAT_SHARE, self.HAT_APART_S)

    def process(self, attacks: AttackFunction, learn: bool = False) -> tuple[float, float] | None:
        """Take what the attack function made of a look.

        Return the strengths of a snare and of a hat, 0 without one; or None where there is nothing to judge.
        """
        self._snare.step()
        self._hat.step()
        if learn:
            self.clear()
            return None
        described = self._hits.process(attacks)
        if described is None:
            return None
        snare, hat = self._judge(described)
        new = self._hits.new
        return (
            self._snare.passes(float(new[_WIRES].sum())) if snare > 0.0 else 0.0,
            self._hat.passes(float(new[_HIGH].sum())) if hat > 0.0 else 0.0,
        )

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no hit."""
        self._hits.amplified(gain_db)
        self._snare.amplified(gain_db)
        self._hat.amplified(gain_db)

    def clear(self) -> None:
        """Forget what began before a hole."""
        self._hits.clear()
