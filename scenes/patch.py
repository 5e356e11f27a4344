"""`Patch`: a scene being played. Heard frames and control values in, a `FrameSpec` out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from bentlight.errors import BadInput
from bentlight.parameter import Parameter, Value
from engine.paces import Pace
from engine.spec import FrameSpec, NoisePath
from scenes.conditioning import Moment
from scenes.controls import CONTROLS
from scenes.cues import Cues
from scenes.drift import GAP_S, HOP_S, Heard, smoothstep
from scenes.even import EvenBlends
from scenes.lfo import BeatLine, beat_places, metres
from scenes.motion import AMOUNTS, TARGETS
from scenes.schema import Scene
from scenes.voice import Voice
from scenes.wander import Wander

__all__ = ["Patch"]

_FADE_S = 2.0
"""Length of the cross-fade from one way of the noise to another, when the scene's file was edited."""


class Patch:
    """A scene being played.

    Its state (envelopes, noise walk, prompt cross-fade) advances hop by hop in stream time, never by picture: the
    same moments have the same values at 10 and at 60 pictures per second. With equal frames, control values and
    moments, two patches give equal specs.

    Parameters
    ----------
    scene : Scene
    seed : int, optional
        Instead of the scene's.
    start_s : float, optional
        Stream time at which the scene begins. None: at the first visit's first hop.

    Attributes
    ----------
    scene : Scene
    parameters : dict of str to Parameter
        Everything a performer can set, by address; defaults are the scene's resting values.
    plan : BendPlan
    prompts : tuple of str
        Every text of the scene, for ``Generator.prepare``.
    """

    def __init__(self, scene: Scene, *, seed: int | None = None, start_s: float | None = None) -> None:
        self.scene = scene
        self.plan = scene.plan
        self.prompts: tuple[str, ...] = tuple(dict.fromkeys(prompt.text for prompt in scene.prompts))
        self._seed = scene.seed if seed is None else int(seed)
        self.parameters = _parameters(scene)
        self._slots = tuple(
            (f"/bend/{entry.name}/{name}", f"{entry.name}/{name}", p, entry.resting(name))
            for entry in scene.bends
            for name, p in entry.parameters.items()
        )
        self._voices = tuple(Voice(route) for route in scene.routes)
        self._beats = BeatLine({turn for voice in self._voices for turn in voice.turns})
        self._cues = Cues(scene)
        self._even = EvenBlends(self.pairs)
        self._start_s = start_s
        self._time_s = start_s or 0.0
        self._hop_s = start_s
        """Stream time of the newest hop that was taken in."""
        self._wander = Wander(scene.motion, len(scene.prompts), self._seed, self._cues.index)
        self._leaving: tuple[tuple[Wander, float], ...] = ()
        """Ways of the noise that are left, each with the scene time at which it began to be."""
        self._amounts = {target: scene.motion.noise.resting(target) for target in AMOUNTS}
        self._left_amounts, self._left_s = self._amounts, -math.inf

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Texts that follow each other in the scene and whose blend is to be even, each two in alphabetical order."""
        motion, prompts = self.scene.motion.prompts, self.scene.prompts
        if motion.blending != "even" or motion.kind == "mixture":
            return ()
        texts, timed = ([p.text for p in prompts], [p.text for p in prompts if p.at is not None])
        follow = list(pairwise(timed))
        if motion.kind != "travel":
            follow += zip(texts, texts[1:] + texts[:1], strict=True)
        return tuple(dict.fromkeys((min(pair), max(pair)) for pair in follow if pair[0] != pair[1]))

    def learn(self, first: str, second: str, pace: Pace) -> None:
        """Take the pace of the blend of one of the `pairs`; it counts from when that blend begins."""
        self._even.learn(first, second, pace)

    @property
    def resting(self) -> FrameSpec:
        """A picture of the scene while nothing is heard and nothing played."""
        values = tuple(float(self.parameters[address].default) for address, *_ in self._slots)
        return FrameSpec(steps=self.scene.steps, guidance=self.scene.guidance, plan=self.plan, values=values)

    @property
    def levels(self) -> dict[str, float]:
        """Each route's envelope (0..1) at the newest hop, for meters."""
        return {voice.route.name: voice.envelope.level for voice in self._voices}

    @property
    def prompt(self) -> str:
        """The text the picture is going to."""
        return self._cues.text

    def advance(self, frames: np.ndarray, control: Mapping[str, Value], time_s: float) -> FrameSpec:
        """Take in what was heard since the last visit and say what to draw.

        Parameters
        ----------
        frames : ndarray of FEATURE_FRAME, shape (hops,)
            Every hop since the last visit, in order; may be empty, then envelopes stay and motion goes on.
        control : mapping of str to Value
            Control values by address; what is missing rests, what does not fit its parameter is passed over.
        time_s : float
            Stream time of the picture.

        Returns
        -------
        FrameSpec
            Every value finite and within its parameter's range.
        """
        if self._start_s is None:
            self._start_s = float(frames["time_s"][0]) if len(frames) else time_s
        if self._hop_s is None:
            self._hop_s = self._start_s
        amounts = [self._number(control, v.amount_address) * self._number(control, "/intensity") for v in self._voices]
        speed = self._number(control, "/motion")
        if self._wander.stands:
            self._set_rates(amounts, Heard(0.0, 0.0, 0.0, speed, {}))
        self._hear(frames, amounts, speed)
        self._time_s = time_s
        return self._spec(control, amounts, time_s)

    def look_past(self, control: Mapping[str, Value]) -> None:
        """Take the cues counted so far in `control` for those of the scene before; call it before the first picture."""
        self._cues.look_past(control)

    def carry_over(self, previous: Patch) -> None:
        """Go on where `previous` stands, as after its file was edited: clock, walk, prompt, followers of one name.

        A noise that goes another way from now on cross-fades from the old one.
        """
        self._start_s, self._hop_s = previous._start_s, previous._hop_s
        self._time_s = previous._time_s
        self._wander.carry_over(previous._wander)
        now_s = max(0.0, previous._time_s - (previous._start_s or 0.0))
        self._leaving = previous._leaving
        if not self._wander.same_way(previous._wander):
            self._leaving = (*self._leaving, (previous._wander, now_s))
        self._left_amounts, self._left_s = previous._amounts, now_s
        self._cues.carry_over(previous._cues)
        self._even.carry_over(previous._even)
        standing = {voice.route.name: voice for voice in previous._voices}
        self._beats.take(previous._beats)
        for voice in self._voices:
            voice.take(standing.get(voice.route.name), now_s)

    def _hear(self, frames: np.ndarray, amounts: list[float], speed: float) -> None:
        if not len(frames):
            return
        columns = [voice.read(frames) for voice in self._voices]
        tempos = _finite(frames["tempo"])
        places, metre = beat_places(frames).tolist(), metres(frames).tolist()
        vectors = {name: _finite(frames[name]) for name in self._needed()}
        wanders = self._wanders()
        assert self._hop_s is not None
        first_s = float(frames["time_s"][0])
        if first_s < self._hop_s - GAP_S:
            # The stream's clock began again, as when the first sound comes after pictures went on without any.
            back_s = self._hop_s - (first_s - HOP_S)
            self._hop_s -= back_s
            self._time_s -= back_s
            self._start_s = (self._start_s or 0.0) - back_s
        for hop, time_s in enumerate(frames["time_s"].tolist()):
            dt_s = max(0.0, time_s - self._hop_s) if math.isfinite(time_s) else 0.0
            by_name = {name: v[hop] for name, v in vectors.items()}
            heard = Heard(dt_s, tempos[hop], places[hop], speed, by_name, metre[hop])
            for wander in wanders:
                wander.step(heard)
            self._cues.step(heard)
            line = self._beats
            moment = Moment(dt_s, line.step(dt_s, tempos[hop], places[hop], metre[hop]), line.places)
            for voice, column in zip(self._voices, columns, strict=True):
                voice.step(column[hop], moment)
            self._hop_s += dt_s
            self._set_rates(amounts, heard)

    def _set_rates(self, amounts: list[float], heard: Heard) -> None:
        turns = self._added("noise/rate", amounts, 0.0)
        seeds = self._added("seed/rate", amounts, 0.0)
        for wander in self._wanders():
            wander.set_rates(turns, seeds, heard.speed, heard.tempo, heard.metre)

    def _wanders(self) -> tuple[Wander, ...]:
        return (*(wander for wander, _ in self._leaving), self._wander)

    def _needed(self) -> set[str]:
        """Features of several values that something follows."""
        noises, prompts = (wander.motion.noise for wander in self._wanders()), self.scene.motion.prompts
        needed = {noise.by for noise in noises if noise.kind == "mixture"}
        return needed | {prompts.by} if prompts.kind == "mixture" else needed

    def _added(self, target: str, amounts: list[float], ahead_s: float) -> float:
        """Sum of what the routes to `target` add, `ahead_s` after the newest hop."""
        total = 0.0
        for voice, amount in zip(self._voices, amounts, strict=True):
            if voice.route.to == target:
                total += amount * voice.added(self._beats, ahead_s)
        return total

    def _spec(self, control: Mapping[str, Value], amounts: list[float], time_s: float) -> FrameSpec:
        assert self._start_s is not None
        assert self._hop_s is not None
        ahead_s = max(0.0, time_s - self._hop_s)
        scene_s = max(0.0, time_s - self._start_s)
        self._cues.advance(scene_s, control, ahead_s)
        noise = self._noise(control, amounts, time_s, ahead_s)
        to_next = TARGETS["prompt/blend"].clamp(self._added("prompt/blend", amounts, ahead_s))
        feedback = self._number(control, "/feedback") + self._added("feedback/amount", amounts, ahead_s)
        guidance = self._number(control, "/guidance") + self._added("guidance/scale", amounts, ahead_s)
        strength = self._number(control, "/strength") + self._added("strength/amount", amounts, ahead_s)
        sums = dict.fromkeys((target for _, target, _, _ in self._slots), 0.0)
        for voice, amount in zip(self._voices, amounts, strict=True):
            if voice.route.to in sums:
                sums[voice.route.to] += amount * voice.added(self._beats, ahead_s)
        values = tuple(p.clamp(self._number(control, address) + sums[target]) for address, target, p, _ in self._slots)
        return FrameSpec(
            time_s=time_s,
            prompts=self._even.at_pace(self._cues.mix(scene_s, to_next)),
            steps=int(self._number(control, "/steps")),
            guidance=TARGETS["guidance/scale"].clamp(guidance),
            feedback=TARGETS["feedback/amount"].clamp(feedback),
            strength=TARGETS["strength/amount"].clamp(strength),
            plan=self.plan,
            values=values,
            blending="lerp" if self.scene.motion.prompts.blending == "lerp" else "slerp",
            **noise,
        )

    def _noise(
        self, control: Mapping[str, Value], amounts: list[float], time_s: float, ahead_s: float
    ) -> dict[str, Any]:
        """The spec's fields that say where the starting noise comes from."""
        assert self._start_s is not None
        scene_s = max(0.0, time_s - self._start_s)
        for index, cued_s in self._cues.cued:
            for wander in self._wanders():
                wander.cue(index, cued_s)
        self._cues.cued.clear()
        base = int(self._number(control, "/seed")) or self._seed
        angle = self._added("noise/angle", amounts, ahead_s)
        self._amounts = self._noise_amounts(control, amounts, ahead_s, scene_s)
        path = self._wander.path(base, ahead_s, angle, scene_s, self._amounts)
        anchors = self.scene.motion.noise.anchors
        pulls = zip(anchors, (self._amounts["noise/pull"], self._amounts["noise/pull2"]), strict=False)
        fields: dict[str, Any] = {"still": self._amounts["noise/still"], "pulls": tuple(p for p in pulls if p[1] > 0)}
        paths = self._fading(path, ahead_s, angle, scene_s)
        seed, seed_to = path.seeds[0], path.seeds[-1]
        # The noise that stands still and that of later steps are those of the spec's seed, so it stays the base.
        if len(paths) == 1 and path.kind == "walk" and seed == base:
            turned = 2 * math.pi * path.turns
            return fields | {"seed": seed, "seed_to": seed_to, "seed_blend": path.blend, "angle": turned}
        return fields | {"seed": base, "seed_to": base, "paths": paths}

    def _noise_amounts(
        self, control: Mapping[str, Value], amounts: list[float], ahead_s: float, scene_s: float
    ) -> dict[str, float]:
        """Where the targets of the noise stand; after an edit they go there from where they stood."""
        noise = self.scene.motion.noise
        share = smoothstep((scene_s - self._left_s) / _FADE_S)
        found: dict[str, float] = {}
        for target, parameter in AMOUNTS.items():
            value = noise.resting(target)
            if target in noise.moves:
                value = parameter.clamp(self._number(control, f"/{target}") + self._added(target, amounts, ahead_s))
            found[target] = value if share == 1 else value * share + self._left_amounts[target] * (1 - share)
        return found

    def _fading(
        self, path: NoisePath, ahead_s: float, angle: float, scene_s: float
    ) -> tuple[tuple[NoisePath, float], ...]:
        """The path, and those that are left but not gone, each with its share over what stands before it."""
        done = [i for i, (_, left_s) in enumerate(self._leaving) if scene_s >= left_s + _FADE_S]
        if done:
            self._leaving = self._leaving[done[-1] + 1 :]
        paths: list[tuple[NoisePath, float]] = []
        share = 1.0
        for wander, left_s in self._leaving:
            paths.append((wander.path(wander.drawn, ahead_s, angle, scene_s, self._amounts), share))
            share = smoothstep((scene_s - left_s) / _FADE_S)
        return (*paths, (path, share))

    def _number(self, control: Mapping[str, Value], address: str) -> float:
        parameter = self.parameters[address]
        if address in control:
            try:
                return float(parameter.parse(control[address]))
            except (BadInput, ValueError):
                pass
        return float(parameter.default)


def _finite(column: np.ndarray) -> list[Any]:
    """A feature's values over the hops; what is not finite counts as 0."""
    found: list[Any] = np.nan_to_num(column.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).tolist()
    return found


def _parameters(scene: Scene) -> dict[str, Parameter]:
    found = CONTROLS | {
        "/steps": Parameter("steps", scene.steps, 1, 8, "", "denoising steps", "int"),
        "/guidance": Parameter("guidance", scene.guidance, 0.0, 20.0, "", "guidance scale; 1 or less means none"),
        "/feedback": Parameter("feedback", scene.feedback, 0.0, 0.95, "", "share of the last picture in the next"),
        "/strength": Parameter(
            "strength", scene.strength, 0.0, 1.0, "", "how much of the last picture is painted anew; 1 does not see it"
        ),
    }
    noise = scene.motion.noise
    for target in sorted(noise.moves):
        found[f"/{target}"] = replace(AMOUNTS[target], default=noise.resting(target))
    for route in scene.routes:
        found[f"/route/{route.name}/amount"] = Parameter(
            "amount", 1.0, 0.0, 2.0, "", f"how much {route.source} moves {route.to}"
        )
    for entry in scene.bends:
        for name, parameter in entry.parameters.items():
            found[f"/bend/{entry.name}/{name}"] = replace(parameter, default=entry.resting(name))
    return found
