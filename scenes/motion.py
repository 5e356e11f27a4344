"""`Motion`: what a scene file may say about the drift of noise and prompt, and what routes can move there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from bentlight.parameter import Parameter
from engine.noise_paths import BANDS, MASKS
from engine.prompts import BLENDINGS
from scenes.fields import Milliseconds, Number, Part, Seed, Whole
from scenes.sources import VECTORS, did_you_mean

__all__ = [
    "AMOUNTS",
    "NOISE_KINDS",
    "PROMPT_KINDS",
    "TARGETS",
    "Motion",
    "NoiseMotion",
    "PromptMotion",
    "motion_faults",
    "moved_nothing",
]

AMOUNTS: dict[str, Parameter] = {
    "noise/still": Parameter("still", 0.0, 0.0, 1.0, "", "share of a noise that never moves"),
    "noise/pull": Parameter("pull", 0.0, 0.0, 1.0, "", "pull of the noise towards that of the first anchor"),
    "noise/pull2": Parameter("pull2", 0.0, 0.0, 1.0, "", "pull of the noise towards that of the second anchor"),
    "noise/spread": Parameter(
        "spread", 0.0, -2.0, 2.0, "turns", "kind rotation: how far the right edge is ahead of the left"
    ),
    "noise/tilt": Parameter("tilt", 0.0, -1.0, 1.0, "turns", "kind rotation: how far the stack of noises leans"),
    "noise/grain": Parameter("grain", 0.9, 0.0, 1.0, "", "kind perlin: from coarse cells to fine grain"),
    "noise/fast": Parameter("fast", 0.0, 0.0, 1.0, "", "kind layers: share of the fast walk"),
}
"""Places of the noise's motion that rest where the scene says and that routes and performers move."""

TARGETS: dict[str, Parameter] = {
    "noise/rate": Parameter(
        "rate", 0.0, -60.0, 60.0, "turns/min", "added to the speed of the noise walk; it is summed up, never jumps"
    ),
    "noise/angle": Parameter(
        "angle", 0.0, -2 * math.pi, 2 * math.pi, "rad", "added to the place on the noise walk: the form itself moves"
    ),
    **AMOUNTS,
    "seed/rate": Parameter("rate", 0.0, 0.0, 60.0, "seeds/min", "added to the speed of the walk from seed to seed"),
    "prompt/blend": Parameter("blend", 0.0, 0.0, 1.0, "", "share of the next prompt in the picture"),
    "guidance/scale": Parameter(
        "scale", 1.0, 0.0, 20.0, "", "added to the guidance scale; above 1 pictures cost double"
    ),
    "feedback/amount": Parameter("amount", 0.0, 0.0, 0.95, "", "added to the share of the last picture"),
    "strength/amount": Parameter("amount", 1.0, 0.0, 1.0, "", "added to how much of the last picture is painted anew"),
}
"""What a route can move beside the bends' parameters."""

_ANY = frozenset({"kind", "still", "anchors"})
NOISE_KINDS: dict[str, frozenset[str]] = {
    "walk": _ANY | {"arc", "bars"},
    "slerp": _ANY | {"seeds", "bars"},
    "spline": _ANY | {"seeds", "bars"},
    "rotation": _ANY | {"bars", "spread", "tilt"},
    "perlin": _ANY | {"bars", "cells", "times", "grain"},
    "layers": _ANY | {"bars", "fast", "fast_turns_per_minute", "mask", "cells"},
    "drift": _ANY | {"seeds"},
    "mixture": _ANY | {"seeds", "by", "sharpness", "attack_ms", "release_ms"},
    "sections": _ANY | {"seeds", "fade_s"},
}
"""Keys that go with each kind of noise motion."""
_ONE_SEED = ("walk", "rotation", "perlin", "layers")
"""Kinds that also go from seed to seed."""

PROMPT_KINDS: dict[str, frozenset[str]] = {
    "cues": frozenset({"kind", "blending"}),
    "travel": frozenset({"kind", "blending"}),
    "loop": frozenset({"kind", "blending", "bars", "loops_per_minute"}),
    "mixture": frozenset({"kind", "blending", "by", "sharpness", "attack_ms", "release_ms"}),
}
"""Keys that go with each kind of prompt motion."""


def _one_of(known: Any, what: str) -> AfterValidator:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"there is no {what} {word!r}{did_you_mean(word, known)}")
        return word

    return AfterValidator(check)


def _word(known: Any, what: str) -> Any:
    return Annotated[str, Field(strict=True, max_length=40), _one_of(known, what)]


def _seeds(value: object) -> int | tuple[int, ...] | None:
    """How many seeds, or a list of them."""
    if value is None:
        return None
    given: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    if any(isinstance(v, bool) or not isinstance(v, int) or not 0 <= v < 2**31 for v in given):
        raise ValueError(f"{repr(value)[:60]} is neither a number of seeds nor a list of seeds, 0 or more each")
    count: int = len(given) if isinstance(value, list | tuple) else given[0]
    if not 2 <= count <= 32:
        raise ValueError(f"{count} seeds are given; there must be 2 to 32")
    return tuple(given) if isinstance(value, list | tuple) else count


_Bars = Annotated[Number, Field(ge=0.25, le=256)]
_Vector = _word(VECTORS, "feature of several values")


class NoiseMotion(Part):
    """How the noise moves; `NOISE_KINDS` says which keys go with which kind.

    Attributes
    ----------
    seeds : int, list of int, or None
        How many, counted from the scene's seed, or which [2 to 32]. None takes four; for ``mixture`` as many as the
        feature has values, for ``sections`` as many as there are prompts, for ``drift`` eight.
    bars : float or None
        Bars that one turn lasts while a tempo is heard [0.25 to 256].
    arc : float
        Part of the circle that the walk swings along and back [0.01 to 1]; None goes round.
    """

    kind: _word(NOISE_KINDS, "kind of noise motion") = "walk"  # type: ignore[valid-type]
    seeds: Annotated[int | tuple[int, ...] | None, PlainValidator(_seeds)] = None
    bars: _Bars | None = None
    arc: Annotated[Number, Field(ge=0.01, le=1)] | None = None
    still: Annotated[Number, Field(ge=0, le=1)] = 0.0
    anchors: Annotated[tuple[Seed, ...], Field(max_length=2)] = ()
    spread: Annotated[Number, Field(ge=-2, le=2)] = 0.25
    tilt: Annotated[Number, Field(ge=-1, le=1)] = 0.0
    cells: Annotated[Whole, Field(ge=1, le=16)] = 4
    times: Annotated[Whole, Field(ge=2, le=16)] = 8
    grain: Annotated[Number, Field(ge=0, le=1)] = 0.9
    fast: Annotated[Number, Field(ge=0, le=1)] = 0.0
    fast_turns_per_minute: Annotated[Number, Field(ge=0.05, le=60)] = 12.0
    mask: _word((*MASKS, *BANDS), "mask") = "all"  # type: ignore[valid-type]
    by: _Vector = "bands"  # type: ignore[valid-type]
    sharpness: Annotated[Number, Field(ge=0.5, le=8)] = 3.0
    attack_ms: Milliseconds = 300.0
    release_ms: Milliseconds = 800.0
    fade_s: Annotated[Number, Field(ge=0, le=60)] = 1.0

    @property
    def moves(self) -> frozenset[str]:
        """Those of `AMOUNTS` that move something here."""
        keys = NOISE_KINDS[self.kind]
        pulls = ("noise/pull", "noise/pull2")[: len(self.anchors)]
        return frozenset(t for t in AMOUNTS if t.split("/")[1] in keys or t in pulls)

    def resting(self, target: str) -> float:
        """Where one of `AMOUNTS` rests."""
        return float(getattr(self, target.split("/")[1], AMOUNTS[target].default))


class PromptMotion(Part):
    """How the prompts follow each other; `PROMPT_KINDS` says which keys go with which kind."""

    kind: _word(PROMPT_KINDS, "kind of prompt motion") = "cues"  # type: ignore[valid-type]
    blending: _word(("even", *BLENDINGS), "blending") = "even"  # type: ignore[valid-type]
    bars: _Bars | None = None
    loops_per_minute: Annotated[Number, Field(ge=0.01, le=30)] = 0.5
    by: _Vector = "bands"  # type: ignore[valid-type]
    sharpness: Annotated[Number, Field(ge=0.5, le=8)] = 3.0
    attack_ms: Milliseconds = 400.0
    release_ms: Milliseconds = 1500.0


class Motion(Part):
    """The drift that never stops.

    Attributes
    ----------
    noise_turns_per_minute : float
        Speed of the noise's motion [0.05 to 30]; one turn returns to the same noise.
    seeds_per_minute : float
        Speed of the walk from the noise of one seed to that of the next [0 to 60].
    noise : NoiseMotion
        Which way the noise goes.
    prompts : PromptMotion
        How the prompts follow each other.
    """

    noise_turns_per_minute: Annotated[Number, Field(ge=0.05, le=30)] = 0.5
    seeds_per_minute: Annotated[Number, Field(ge=0, le=60)] = 0.0
    noise: NoiseMotion = NoiseMotion()
    prompts: PromptMotion = PromptMotion()


def motion_faults(motion: Motion, timed_prompts: int, prompts: int) -> Iterator[tuple[tuple, str]]:
    """Yield (place, reason) for whatever does not fit together in a scene's motion."""
    parts = (("noise", motion.noise, NOISE_KINDS), ("prompts", motion.prompts, PROMPT_KINDS))
    for part, entry, kinds in parts:
        known = kinds[entry.kind]
        for key in sorted(entry.model_fields_set - known):
            others = ", ".join(sorted(known - {"kind"}))
            yield ("motion", part, key), f"kind {entry.kind} has no {key!r}; it has {others}."
    noise = motion.noise
    if motion.seeds_per_minute > 0 and noise.kind not in _ONE_SEED:
        yield (
            ("motion", "seeds_per_minute"),
            f"kind {noise.kind} has seeds of its own and does not go from seed to seed; leave seeds_per_minute out.",
        )
    if noise.kind == "mixture" and noise.seeds is not None:
        given = noise.seeds if isinstance(noise.seeds, int) else len(noise.seeds)
        if given > VECTORS[noise.by]:
            yield ("motion", "noise", "seeds"), f"{noise.by} has {VECTORS[noise.by]} values; give no more seeds."
    if motion.prompts.kind == "travel" and timed_prompts < 2:
        yield ("motion", "prompts", "kind"), "travel needs at least two prompts with `at`."
    if motion.prompts.kind == "loop" and prompts < 2:
        yield ("motion", "prompts", "kind"), "loop needs at least two prompts; this scene has one."
    if motion.prompts.kind == "loop" and timed_prompts:
        yield ("motion", "prompts", "kind"), "loop goes round by itself; leave `at` out of the prompts."
    if noise.kind == "sections" and motion.prompts.kind in ("travel", "loop"):
        reason = f"noise of kind sections follows cues, and with prompts of kind {motion.prompts.kind} there are none."
        yield ("motion", "prompts", "kind"), reason
    if motion.prompts.kind == "mixture" and prompts > VECTORS[motion.prompts.by]:
        most = VECTORS[motion.prompts.by]
        yield ("motion", "prompts", "by"), f"{motion.prompts.by} has {most} values, fewer than this scene has prompts."


def moved_nothing(motion: Motion, target: str) -> str:
    """Say why a route to `target` would move nothing, or return an empty text."""
    noise = motion.noise
    if target in AMOUNTS and target not in noise.moves:
        if target.startswith("noise/pull"):
            return f"{target} needs {'two anchors' if target.endswith('2') else 'an anchor'} in motion: noise: anchors."
        return f"{target} moves nothing with motion: noise: kind {noise.kind}."
    if target == "seed/rate" and noise.kind not in _ONE_SEED:
        return f"{target} moves nothing with motion: noise: kind {noise.kind}, which has seeds of its own."
    if target == "prompt/blend" and motion.prompts.kind in ("travel", "loop"):
        return f"{target} moves nothing with motion: prompts: kind {motion.prompts.kind}."
    return ""
