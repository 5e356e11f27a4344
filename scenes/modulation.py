"""Envelopes, curves and ranges: the arithmetic between a heard feature and a moved parameter.

Every formula is exact for an input that is constant over each hop, so the value at a moment does not depend on how
many hops or pictures came before it. An envelope lives in 0..1.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

__all__ = ["Envelope", "Follower", "Hit", "left", "shape", "span", "sway", "to_unit"]

_LOG_GAIN = 9.0


def to_unit(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Map the ends to 0 and 1 and clip: ``clip((x - lo) / (hi - lo), 0, 1)``; `hi` below `lo` turns it about."""
    low, high = ends
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def shape(level: float, curve: str | float) -> float:
    """Bend an envelope level in 0..1; 0 stays 0 and 1 stays 1.

    ``linear`` x; ``square`` x²; ``sqrt`` √x; ``log`` log(1 + 9x) / log 10 (quick at first); ``exp`` (10^x - 1) / 9 (its
    inverse, quick at the end); a number g gives x^g.
    """
    level = min(1.0, max(0.0, level))
    if curve == "linear":
        return level
    if curve == "square":
        return level * level
    if curve == "sqrt":
        return math.sqrt(level)
    if curve == "log":
        return math.log1p(_LOG_GAIN * level) / math.log1p(_LOG_GAIN)
    if curve == "exp":
        return math.expm1(level * math.log1p(_LOG_GAIN)) / _LOG_GAIN
    return level ** float(curve)


def span(level: float, ends: tuple[float, float]) -> float:
    """Map 0..1 linearly onto ``ends[0]..ends[1]``."""
    return ends[0] + (ends[1] - ends[0]) * level


def sway(time_s: float, period_s: float) -> float:
    """Raised cosine, 0 at time 0 and 1 after half a period: ``(1 - cos(2 pi t / period)) / 2``."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * time_s / period_s)


class Envelope(Protocol):
    """What `Follower` and `Hit` share."""

    level: float

    def step(self, value: float, dt_s: float) -> float:
        """Advance by a hop of `dt_s` seconds over which the input was `value` (0..1); return the level at its end."""
        ...

    def take(self, other: Envelope) -> None:
        """Go on where another stands."""
        ...


def left(dt_s: float, tau_s: float) -> float:
    """Share of a distance left after `dt_s` with the time constant `tau_s`: ``exp(-dt / tau)``; none when tau is 0."""
    return math.exp(-dt_s / tau_s) if tau_s > 0 else 0.0


class Follower:
    """Attack/release follower: ``e(t + dt) = x + (e(t) - x) exp(-dt / tau)``, tau the attack while rising, else the
    release.

    Parameters
    ----------
    attack_s, release_s : float
        Time constants; 0 follows at once.
    level : float
        Where it starts.
    """

    def __init__(self, attack_s: float, release_s: float, level: float = 0.0) -> None:
        self.attack_s, self.release_s, self.level = attack_s, release_s, level

    def step(self, value: float, dt_s: float) -> float:
        """Advance by one hop; return the level at its end."""
        tau_s = self.attack_s if value > self.level else self.release_s
        self.level = value + (self.level - value) * left(dt_s, tau_s)
        return self.level

    def take(self, other: Envelope) -> None:
        """Go on where another stands."""
        self.level = other.level


class Hit:
    """Peak, hold, release: a hit is taken in the hop that reports it and can be seen for at least the hold.

    The peak ``p`` stands for `hold_s` of stream time after a hit, then falls as ``p exp(-t / release)``. A value at or
    above what is left of it starts again. With an attack, the level follows that shape as
    ``e' = (p(t) - e) / attack``, solved exactly on both pieces.

    Parameters
    ----------
    attack_s, hold_s, release_s : float
        Time constants of rise and fall, and the hold between them.
    level : float
        Where it starts.
    """

    def __init__(self, attack_s: float, hold_s: float, release_s: float, level: float = 0.0) -> None:
        self.attack_s, self.hold_s, self.release_s = attack_s, hold_s, release_s
        self.level = level
        self._peak = level
        self._hold_left_s = 0.0

    def step(self, value: float, dt_s: float) -> float:
        """Advance by one hop; a hit counts from the hop's end, which is when it is known."""
        held_s = min(dt_s, self._hold_left_s)
        self._piece(held_s, math.inf)
        self._hold_left_s -= held_s
        self._piece(dt_s - held_s, self.release_s)
        if value > 0 and value >= self._peak:
            self._peak, self._hold_left_s = value, self.hold_s
            if self.attack_s <= 0:
                self.level = value
        return self.level

    def take(self, other: Envelope) -> None:
        """Go on where another stands: a hit stands as long as it would have, what is no hit falls from where it is."""
        self.level = self._peak = other.level
        if isinstance(other, Hit):
            self._peak = other._peak
            self._hold_left_s = min(other._hold_left_s, self.hold_s)

    def _piece(self, dt_s: float, tau_s: float) -> None:
        """Advance over a stretch in which the peak falls with the time constant `tau_s`."""
        if dt_s <= 0:
            return
        peak = self._peak
        self._peak = peak * left(dt_s, tau_s)
        if self.attack_s <= 0:
            self.level = self._peak
        elif math.isinf(tau_s) or tau_s <= 0:
            self.level = self._peak + (self.level - self._peak) * left(dt_s, self.attack_s)
        elif math.isclose(tau_s, self.attack_s, rel_tol=1e-6):
            self.level = (self.level + peak * dt_s / tau_s) * left(dt_s, tau_s)
        else:
            part = peak * tau_s / (tau_s - self.attack_s)
            self.level = part * left(dt_s, tau_s) + (self.level - part) * left(dt_s, self.attack_s)
