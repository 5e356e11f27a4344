"""`Wander`: where the noise stands on its way, hop by hop in stream time."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.spec import NoisePath
from scenes.drift import BeatPhase, CrossFade, Heard, Listener, RandomWalk
from scenes.motion import TARGETS, Motion
from scenes.sources import VECTORS

__all__ = ["Wander"]

_UNITS_PER_TURN = 4.0
"""How much of a random walk's own time passes in a turn."""


class Wander:
    """The motion of the noise, being played.

    Parameters
    ----------
    motion : Motion
    prompts : int
        How many prompts the scene has.
    base : int
        The seed that the scene's seeds are counted from.

    Attributes
    ----------
    turns : float
        Turns so far, those in time with the beat aside.
    seeds : float
        Way from seed to seed so far.
    drawn : int
        The base that the newest path was counted from.
    """

    def __init__(self, motion: Motion, prompts: int, base: int, first: int = 0) -> None:
        self.motion, self.base = motion, base
        self.drawn = base
        noise = motion.noise
        self.turns, self.seeds, self._fast_turns = 0.0, 0.0, 0.0
        self._turn_rate, self._seed_rate, self._fast_rate = 0.0, 0.0, 0.0
        """Per second, from the newest hop on; motion goes on at this speed until the next."""
        self._beat = BeatPhase(noise.bars) if noise.bars is not None else None
        self._count = noise.seeds if isinstance(noise.seeds, int) else len(noise.seeds or ())
        if noise.seeds is None:
            self._count = {"mixture": VECTORS[noise.by], "sections": prompts, "drift": 8}.get(noise.kind, 4)
        self._section: CrossFade[int] = CrossFade(first % self._count)
        self._listener = Listener(
            noise.by, VECTORS[noise.by], self._count, noise.attack_ms, noise.release_ms, noise.sharpness
        )
        self._walk: RandomWalk | None = None

    @property
    def stands(self) -> bool:
        """Whether nothing moves, as before the first hop."""
        return self._turn_rate == 0 and self._seed_rate == 0 and (self._beat is None or self._beat.stands)

    def same_way(self, other: Wander) -> bool:
        """Whether the noise goes the same way as that of `other`, whatever the speed."""
        moved = {"bars", "still", "anchors", "spread", "tilt", "grain", "fast", "fast_turns_per_minute"}
        ways = [wander.motion.noise.model_dump(exclude=moved) | {"base": wander.base} for wander in (self, other)]
        return ways[0] == ways[1] and self._count == other._count

    def carry_over(self, previous: Wander) -> None:
        """Stand where `previous` stands on its way."""
        self.turns, self.seeds, self._fast_turns = previous.turns, previous.seeds, previous._fast_turns
        self._turn_rate, self._seed_rate, self._fast_rate = 0.0, previous._seed_rate, previous._fast_rate
        if self._beat is not None:
            self._beat.turns = previous._beat.turns if previous._beat is not None else 0.0
        elif previous._beat is not None:
            self.turns += previous._beat.turns
        if (self._beat is None) == (previous._beat is None):
            self._turn_rate = previous._turn_rate
        self._section.copy_from(previous._section)
        self._listener.copy_from(previous._listener)
        if self._count == previous._count:
            self._walk = previous._walk

    def step(self, heard: Heard) -> None:
        """Advance by a hop, at the speeds that were set at the one before."""
        self.turns += self._turn_rate * heard.dt_s
        self.seeds += self._seed_rate * heard.dt_s
        self._fast_turns += self._fast_rate * heard.dt_s
        if self._beat is not None:
            self._beat.step(heard)
        if self.motion.noise.kind == "mixture":
            self._listener.step(heard)

    def set_rates(self, turns: float, seeds: float, speed: float, tempo: float, metre: float) -> None:
        """Set the speeds from now on.

        Parameters
        ----------
        turns, seeds : float
            What is added to the motion's own turns and seeds per minute.
        speed : float
            Factor on both.
        tempo : float
            Heard beats per minute; 0 is none.
        metre : float
            Beats in a bar.
        """
        own = self.motion.noise_turns_per_minute
        if self._beat is not None:
            self._beat.set_rate(own / 60, tempo, speed, metre)
            own = 0.0
        self._turn_rate = TARGETS["noise/rate"].clamp(own + turns) / 60 * speed
        self._seed_rate = TARGETS["seed/rate"].clamp(self.motion.seeds_per_minute + seeds) / 60 * speed
        self._fast_rate = self.motion.noise.fast_turns_per_minute / 60 * speed

    def cue(self, index: int, time_s: float) -> None:
        """Go to the section that belongs to a prompt."""
        self._section.cue(index % self._count, time_s, self.motion.noise.fade_s)

    def place(self, ahead_s: float) -> tuple[float, float]:
        """Turns and seeds, `ahead_s` seconds after the newest hop."""
        turns = self.turns + self._turn_rate * ahead_s
        if self._beat is not None:
            turns += self._beat.ahead(ahead_s)
        arc = self.motion.noise.arc
        if arc is not None:
            turns = arc * (1 - math.cos(2 * math.pi * turns)) / 2
        return turns, self.seeds + self._seed_rate * ahead_s

    def path(self, base: int, ahead_s: float, angle: float, time_s: float, amounts: Mapping[str, float]) -> NoisePath:
        """Return the place on the way.

        Parameters
        ----------
        base : int
            The seed that the motion's seeds are counted from.
        ahead_s : float
            Seconds since the newest hop.
        angle : float
            Radians that are added to the place.
        time_s : float
            Scene time.
        amounts : mapping of str to float
            Where the targets of the noise stand.
        """
        self.drawn = base
        noise = self.motion.noise
        turns, seeds = self.place(ahead_s)
        own_turns = turns % 1.0
        turns = own_turns + angle / (2 * math.pi)
        first = base + math.floor(seeds)
        pair, blend = (first, first + 1), seeds - math.floor(seeds)
        if noise.kind == "walk":
            return NoisePath("walk", pair, turns, blend)
        if noise.kind == "rotation":
            spread, tilt = amounts["noise/spread"], amounts["noise/tilt"]
            return NoisePath("rotation", pair, turns, blend, spread=spread, tilt=tilt)
        if noise.kind == "perlin":
            return NoisePath(
                "perlin", pair, turns, blend, cells=noise.cells, times=noise.times, grain=amounts["noise/grain"]
            )
        if noise.kind == "layers":
            fast_turns = (self._fast_turns + self._fast_rate * ahead_s) % 1.0
            fast = amounts["noise/fast"]
            return NoisePath(
                "layers", pair, turns, blend, fast_turns=fast_turns, fast=fast, mask=noise.mask, cells=noise.cells
            )
        ring = self._ring(base)
        if noise.kind == "drift":
            if self._walk is None:
                self._walk = RandomWalk(self._count, base)
            weights = self._walk.at(self.place(ahead_s)[0] * _UNITS_PER_TURN)
            return NoisePath("mixture", ring, angle / (2 * math.pi), weights=weights)
        if noise.kind == "mixture":
            rest, shares = self._listener.shares()
            return NoisePath("mixture", (base, *ring), turns, weights=(rest, *shares))
        if noise.kind == "sections":
            mix = self._section.mix(time_s)
            # After an edit there may be fewer sections than there were.
            among = tuple(ring[i % self._count] for i, _ in mix)
            return NoisePath("mixture", among, turns, weights=tuple(w for _, w in mix))
        return NoisePath(noise.kind, ring, turns)

    def _ring(self, base: int) -> tuple[int, ...]:
        """The motion's seeds."""
        noise = self.motion.noise
        if isinstance(noise.seeds, tuple):
            return noise.seeds
        first = base + 1 if noise.kind == "mixture" else base  # a mixture rests on the base itself
        return tuple(range(first, first + self._count))
