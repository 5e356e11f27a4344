"""`Voice`: a route being played, with the state of its oscillator, its chain and its envelope."""

from __future__ import annotations

import zlib

import numpy as np

from scenes.blocks import Chain
from scenes.conditioning import Moment
from scenes.drift import GAP_S, HOP_S
from scenes.lfo import BeatLine, Lfo
from scenes.modulation import Envelope, Follower, Hit, shape, span, to_unit
from scenes.schema import Route
from scenes.sources import SOURCES, SWAY

__all__ = ["Voice"]


class Voice:
    """A route being played.

    Parameters
    ----------
    route : Route
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self.source = SOURCES[route.source]
        self.amount_address = f"/route/{route.name}/amount"
        self._rest = float(to_unit(np.array([self.source.field.rest]), route.ends)[0])
        self._chain = Chain(route.through)
        level = self._chain.settle(self._rest)
        self.envelope: Envelope
        if route.mode == "hit":
            self.envelope = Hit(route.attack_s, route.hold_ms / 1000, route.release_s, level)
        else:
            self.envelope = Follower(route.attack_s, route.release_s, level)
        self._lfo = _lfo(route)
        self._turn = (self._lfo.beats if self._lfo is not None else None) or 0.0
        """Beats in a turn of the oscillator; 0 where it goes by none."""
        self._direct = self._lfo is not None and not route.through and not (route.attack_s or route.release_s)
        """Whether the oscillator's own level is what counts, also between two hops."""

    @property
    def turns(self) -> set[float]:
        """Lengths in beats of what goes by the beat: the oscillator's turns, and what values are quantised to."""
        quantised = {step.block.beats for step in self.route.through if step.name == "quantise"}
        return quantised | ({self._turn} if self._turn else set())

    def read(self, frames: np.ndarray) -> list[float]:
        """Source values of every hop, mapped to 0..1."""
        if self._lfo is not None:
            return [0.0] * len(frames)
        return to_unit(self.source.read(frames), self.route.ends).tolist()

    def step(self, value: float, moment: Moment) -> None:
        """Take in a hop."""
        dt_s = moment.dt_s
        if self._lfo is not None:
            self._lfo.run(dt_s)
            value = self._wave(moment.places.get(self._turn, moment.beats))
        elif dt_s > GAP_S:  # nothing was heard in between, so that part counts as rest
            gap = moment._replace(dt_s=dt_s - HOP_S)
            self.envelope.step(self._chain.step(self._rest, gap), gap.dt_s)
            moment = moment._replace(dt_s=HOP_S)
        self.envelope.step(self._chain.step(value, moment), moment.dt_s)

    def added(self, line: BeatLine, ahead_s: float) -> float:
        """What the route adds at full amount, `ahead_s` after the newest hop; an envelope stays as it stood there."""
        level = self._wave(line.ahead(ahead_s, self._turn or None), ahead_s) if self._direct else self.envelope.level
        return span(shape(level, self.route.curve), self.route.out)

    def take(self, other: Voice | None, scene_s: float) -> None:
        """Go on where the same route of the scene's earlier version stands, if there was one."""
        if self._lfo is not None:
            self._lfo.take(other._lfo if other is not None else None, scene_s)
        if other is not None and other.source == self.source:
            self._chain.take(other._chain)
        if other is not None:
            self.envelope.take(other.envelope)

    def _wave(self, beats: float, ahead_s: float = 0.0) -> float:
        assert self._lfo is not None
        low, high = self.route.ends
        return min(1.0, max(0.0, (self._lfo.level(beats, ahead_s) - low) / (high - low)))


def _lfo(route: Route) -> Lfo | None:
    if route.source == SWAY:
        return Lfo("sine", hz=1 / route.period_s)
    if not route.is_lfo:
        return None
    # Each route draws its own random values, the same in every run.
    seed = zlib.crc32(route.name.encode())
    return Lfo(route.source, hz=route.hz or 0.0, beats=route.beats, phase=route.phase, seed=seed)
