"""`DrumGate`: which attacks of a drum are too small or too soon."""

from __future__ import annotations

import math

__all__ = ["LEAST_POWER", "DrumGate"]

_PEAK_S = 3.0
LEAST_POWER = 10 ** (-7.5)
"""Attacks weaker than -75 dB of full scale are no drum."""


class DrumGate:
    """Lets an attack pass that is not small beside the largest of the last seconds, and not too soon.

    Parameters
    ----------
    step_s : float
        Time between two calls of `step`.
    least_share : float
        Of the largest attack of late.
    apart_s : float
        Least time between two that pass.
    """

    def __init__(self, step_s: float, least_share: float, apart_s: float) -> None:
        self._step_s, self._least_share, self._apart_s = step_s, least_share, apart_s
        self._keep = math.exp(-2.0 * step_s / _PEAK_S)
        self._largest = 0.0
        self._since_s = math.inf

    def step(self) -> None:
        """Move on by one step."""
        self._since_s += self._step_s
        self._largest *= self._keep

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much."""
        self._largest *= 10 ** (gain_db / 10)

    def passes(self, attack: float) -> float:
        """Return the strength of an attack given by its rise in mean square; 0 if it does not pass."""
        if self._since_s < self._apart_s or attack < max(LEAST_POWER, self._least_share * self._largest):
            return 0.0
        self._since_s = 0.0
        self._largest = max(self._largest, attack)
        return math.sqrt(attack / self._largest)
