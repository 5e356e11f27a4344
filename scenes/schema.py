"""`Scene`: what a scene file may say. Plain frozen data; nothing in it is evaluated or used as a path.

The one file that a scene can name, a painted mask, is looked up by its plain name beside the scene.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from engine.bends import OPERATORS, Bend, BendPlan, Painted, site_kind, site_step
from engine.bends.selection import check_bend
from engine.measures import Measure
from scenes.blocks import Step
from scenes.fields import Clock, Milliseconds, Name, Number, Part, Range, Seed, Text, Whole
from scenes.lfo import WAVES
from scenes.masks import MASK_FILE
from scenes.motion import TARGETS, Motion, motion_faults, moved_nothing
from scenes.sources import DEAF, SOURCES, did_you_mean

__all__ = ["CURVES", "TARGETS", "BendEntry", "Motion", "Prompt", "Route", "Scene"]

CURVES = ("linear", "square", "sqrt", "log", "exp")

_RESERVED = frozenset(address.split("/")[0] for address in TARGETS)
_SITES = (
    "text", "latent.0", "latent.end", "unet.in", "unet.mid", "unet.out", "picture",
    *(f"unet.{part}.{i}" for part in ("down", "up", "skip") for i in range(4)),
    *(f"decoder.{i}" for i in range(10)),
)  # fmt: skip
_CHANNELS = {"latent": 4, "picture": 3}
"""Channels of the sites that have as many in every model that can be played."""
# A hub id or builtin; never something that could be read as a path out of the current folder.
_MODEL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$"


def _curve(value: object) -> object:
    if isinstance(value, str):
        if value not in CURVES:
            raise ValueError(f"there is no curve {value[:40]!r}{did_you_mean(value, CURVES)}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 10:
        raise ValueError(f"{value!r} is no curve; give {', '.join(CURVES)} or a gamma from 0.1 to 10")
    return value


class Prompt(Part):
    """A text to draw; with `at` it comes by itself at that many seconds of the scene, else on cue (Tab)."""

    text: Text
    at: Clock = None


def _share(value: object) -> object:
    """One place, which YAML reads as a number, in the words of `Bend`."""
    return f"{value:.3f}" if isinstance(value, int | float) and not isinstance(value, bool) else value


class BendEntry(Part):
    """A bend, the part of its site that it may touch, and where its parameters rest; those not set rest at neutral.

    The selections are those of `engine.bends.Bend`; a `mask` may also be the plain name of a PNG picture that lies
    beside the scene file. It is read with the scene.
    """

    name: Name
    operator: Annotated[str, Field(strict=True, max_length=40)]
    site: Annotated[str, Field(strict=True, max_length=120)]
    channels: Annotated[str, Field(strict=True, max_length=40)] = "all"
    seed: Seed = 0
    rows: Annotated[str, BeforeValidator(_share), Field(max_length=40)] = "all"
    columns: Annotated[str, BeforeValidator(_share), Field(max_length=40)] = "all"
    mask: Annotated[str, Field(strict=True, max_length=70)] = "all"
    sparse: Annotated[Number, Field(ge=0, le=1)] = 1.0
    plane: Annotated[str, Field(strict=True, max_length=20)] = ""
    set_: dict[str, Number] = Field(default_factory=dict, alias="set", max_length=20)
    _painted: Painted | None = PrivateAttr(default=None)

    @field_validator("operator")
    @classmethod
    def _known_operator(cls, name: str) -> str:
        if name not in OPERATORS:
            raise ValueError(f"there is no operator {name!r}{did_you_mean(name, OPERATORS)}")
        return name

    @field_validator("site")
    @classmethod
    def _known_site(cls, site: str) -> str:
        try:
            site_kind(site)
        except BadInput:
            raise ValueError(f"there is no site {site!r}{did_you_mean(site, _SITES)}") from None
        return site

    @field_validator("mask")
    @classmethod
    def _no_path(cls, mask: str) -> str:
        if mask == "painted":
            raise ValueError("give the name of a .png file beside the scene instead of painted")
        if ("." in mask and ":" not in mask) and not MASK_FILE.fullmatch(mask):
            raise ValueError(f"{mask[:60]!r} is no plain name of a .png file; letters, digits, - and _ before .png")
        return mask

    @model_validator(mode="after")
    def _read_mask(self, info: ValidationInfo) -> BendEntry:
        if MASK_FILE.fullmatch(self.mask):
            read = (info.context or {}).get("masks")
            try:
                if read is None:
                    raise BadInput(f"mask {self.mask} needs a scene file that it lies beside.")
                self._painted = read(self.mask)
            except BadInput as error:
                raise PydanticCustomError("scene", "{reason}", {"reason": str(error), "key": "mask"}) from None
        return self

    @property
    def bend(self) -> Bend:
        """The engine's form of it."""
        return Bend(
            self.name,
            self.operator,
            self.site,
            self.channels,
            self.seed,
            rows=self.rows,
            columns=self.columns,
            mask=self.mask if self._painted is None else "painted",
            sparse=self.sparse,
            plane=self.plane,
            painted=self._painted,
        )

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The operator's parameters by name."""
        return {p.name: p for p in OPERATORS[self.operator].parameters}

    def resting(self, name: str) -> float:
        """Value of the parameter `name` when no route and no control moves it."""
        return float(self.set_.get(name, float(self.parameters[name].default)))


class Route(Part):
    """A heard feature moving a parameter: source → range → chain → envelope → curve → what is added to the target.

    Attributes
    ----------
    source : str
        A feature (``onset_strength``, ``loudness``, ``bands.3`` …), ``sway``, or one of `scenes.lfo.WAVES`.
    to : str
        ``<bend>/<parameter>`` or one of `TARGETS`.
    mode : {"follow", "hit"}
        `follow` smooths the feature with attack and release. `hit` takes each peak at once, holds it for `hold_ms` of
        stream time and lets it fall with `release_ms`; pictures drawn at least every `hold_ms` show each hit whole.
    attack_ms, release_ms : float
        Time constants: after one of them 63 % of the way is done. None takes the mode's own (20, 200; 0, 250); where
        there is a chain or an oscillator, `follow` without them adds nothing to it (0, 0).
    hold_ms : float
        Only for `hit`.
    curve : str or float
        One of `CURVES`, or a gamma (the envelope to that power) [0.1 to 10].
    in_ : (float, float)
        Feature values taken as 0 and 1, written ``in``; the other way round turns the source about. None is the whole
        range of the feature.
    out : (float, float)
        What is *added* to the target's resting value at 0 and at 1.
    through : tuple of Step
        Conditioning between range and envelope, in order; `scenes.blocks.BLOCKS`.
    period_s : float
        Only for ``sway``: one rise and fall [1 to 3600].
    hz, beats : float or None
        Only for an oscillator, one of the two: turns per second [0.001 to 20], or beats in a turn [0.125 to 256].
    phase : float
        Only for an oscillator: where in the turn it begins [0 to 1].
    """

    name: Name
    source: Annotated[str, Field(strict=True, max_length=40)]
    to: Annotated[str, Field(strict=True, max_length=80)]
    mode: Literal["follow", "hit"] = "follow"
    attack_ms: Milliseconds | None = None
    release_ms: Milliseconds | None = None
    hold_ms: Annotated[Number, Field(ge=0, le=2000)] = 50.0
    curve: Annotated[str | float, BeforeValidator(_curve)] = "linear"
    in_: Range | None = Field(default=None, alias="in")
    out: Range = (0.0, 1.0)
    through: Annotated[tuple[Step, ...], Field(max_length=12)] = ()
    period_s: Annotated[Number, Field(ge=1, le=3600)] = 60.0
    hz: Annotated[Number, Field(ge=0.001, le=20)] | None = None
    beats: Annotated[Number, Field(ge=0.125, le=256)] | None = None
    phase: Annotated[Number, Field(ge=0, le=1)] = 0.0

    @field_validator("source")
    @classmethod
    def _known_source(cls, name: str) -> str:
        if name not in SOURCES:
            raise ValueError(f"there is no source {name!r}{did_you_mean(name, SOURCES)}")
        return name

    @field_validator("in_")
    @classmethod
    def _some_width(cls, ends: Range | None) -> Range | None:
        if ends is not None and ends[0] == ends[1]:
            raise ValueError("the two ends of in are the same; they must differ")
        return ends

    @property
    def ends(self) -> tuple[float, float]:
        """Feature values taken as 0 and 1."""
        field = SOURCES[self.source].field
        return self.in_ if self.in_ is not None else (field.low, field.high)

    @property
    def is_lfo(self) -> bool:
        """Whether the source is an oscillator with a frequency."""
        return self.source in WAVES

    @property
    def attack_s(self) -> float:
        """Time constant of the rise."""
        return (self.attack_ms if self.attack_ms is not None else self._own_ms(20.0, 0.0)) / 1000

    @property
    def release_s(self) -> float:
        """Time constant of the fall."""
        return (self.release_ms if self.release_ms is not None else self._own_ms(200.0, 250.0)) / 1000

    def _own_ms(self, follow_ms: float, hit_ms: float) -> float:
        if self.mode == "hit":
            return hit_ms
        return 0.0 if self.through or self.source in DEAF else follow_ms


class Scene(Part):
    """A scene file, checked whole."""

    name: Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    description: Annotated[str, Field(strict=True, max_length=300)] = ""
    model: Annotated[str, Field(strict=True, pattern=_MODEL)] = "builtin"
    steps: Annotated[Whole, Field(ge=1, le=8)] = 1
    guidance: Annotated[Number, Field(ge=0, le=20)] = 1.0
    seed: Seed = 0
    feedback: Annotated[Number, Field(ge=0, le=0.95)] = 0.0
    strength: Annotated[Number, Field(ge=0, le=1)] = 1.0
    prompt_blend_s: Annotated[Number, Field(ge=0, le=120)] = 4.0
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=64)]
    motion: Motion = Motion()
    bends: Annotated[tuple[BendEntry, ...], Field(max_length=16)] = ()
    routes: Annotated[tuple[Route, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _parts_fit(self) -> Scene:
        for place, reason in _faults(self):
            # The loader reads the place from the context, to find the line in the file.
            raise PydanticCustomError("scene", "{reason}", {"reason": reason, "place": place})
        return self

    @property
    def plan(self) -> BendPlan:
        """Which operator sits where."""
        return BendPlan(tuple(entry.bend for entry in self.bends))

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the painted masks that its bends use."""
        return tuple(dict.fromkeys(entry.mask for entry in self.bends if entry._painted is not None))

    def without_bends(self, names: Collection[str]) -> Scene:
        """Return the scene without some of its bends and the routes to them, for a model that lacks their sites."""
        bends = tuple(entry for entry in self.bends if entry.name not in names)
        routes = tuple(route for route in self.routes if route.to.split("/")[0] not in names)
        return self.model_copy(update={"bends": bends, "routes": routes})

    def target(self, address: str) -> Parameter:
        """Return the declaration of what a route's `to` names. Raises KeyError if there is no such thing."""
        return _targets(self)[address]


def _targets(scene: Scene) -> dict[str, Parameter]:
    return TARGETS | {f"{e.name}/{p.name}": p for e in scene.bends for p in e.parameters.values()}


def _faults(scene: Scene) -> Any:
    """Yield (place, reason) for whatever one part of a scene says that does not fit another."""
    seen: set[str] = set()
    for i, entry in enumerate(scene.bends):
        if entry.name in _RESERVED:
            yield (
                ("bends", i, "name"),
                f"{entry.name!r} is taken by a target of the scene itself; call the bend otherwise.",
            )
        if entry.name in seen:
            yield ("bends", i, "name"), f"there are two bends called {entry.name!r}; give each its own name."
        seen.add(entry.name)
        try:
            bend = entry.bend
            step = site_step(entry.site)
            if step is not None and step >= scene.steps:
                raise BadInput(
                    f"site {entry.site} comes before a step that this scene lacks, the bend would never act; "
                    f"give steps: {step + 1} or more, or another site."
                )
        except BadInput as error:
            # Such a message begins with the field that it is about, if it is about one.
            word = str(error).split(" ", 1)[0]
            key = word if word in BendEntry.model_fields else "site"
            yield ("bends", i, key), str(error)
        else:
            try:
                _check_channels(bend)
            except BadInput as error:
                yield ("bends", i, "channels" if entry.channels != "all" else "operator"), str(error)
        for key, value in entry.set_.items():
            if key not in entry.parameters:
                known = did_you_mean(key, entry.parameters)
                yield ("bends", i, "set", key), f"{entry.operator} has no parameter {key!r}{known}"
                continue
            try:
                entry.parameters[key].parse(value)
            except BadInput as error:
                yield ("bends", i, "set", key), str(error)
    yield from _prompt_faults(scene)
    timed = sum(prompt.at is not None for prompt in scene.prompts)
    yield from motion_faults(scene.motion, timed, len(scene.prompts))
    yield from _route_faults(scene)


def _check_channels(bend: Bend) -> None:
    """Refuse channels that no model has there; where models differ, and for clusters, the one that plays has to say."""
    channels = _CHANNELS.get(site_kind(bend.site))
    if channels is not None and not bend.channels.startswith("cluster:"):
        check_bend(bend, Measure(channels, 1.0))


def _prompt_faults(scene: Scene) -> Any:
    last = -1.0
    for i, prompt in enumerate(scene.prompts):
        if prompt.at is not None:
            if prompt.at <= last:
                yield (
                    ("prompts", i, "at"),
                    f"{prompt.at:g} s is not after the prompt before it; timed prompts must rise.",
                )
            last = prompt.at


def _route_faults(scene: Scene) -> Any:
    seen: set[str] = set()
    targets = _targets(scene)
    for i, route in enumerate(scene.routes):
        if route.name in seen:
            yield ("routes", i, "name"), f"there are two routes called {route.name!r}; give each its own name."
        seen.add(route.name)
        if route.to not in targets:
            yield ("routes", i, "to"), f"there is no target {route.to!r}{did_you_mean(route.to, targets)}"
            continue
        if route.to == "prompt/blend" and len(scene.prompts) < 2:
            yield ("routes", i, "to"), "prompt/blend needs at least two prompts; this scene has one."
        elif useless := moved_nothing(scene.motion, route.to):
            yield ("routes", i, "to"), useless
        if route.source in DEAF and route.mode == "hit":
            yield ("routes", i, "mode"), f"{route.source} has no hits; use mode follow."
        yield from _lfo_faults(route, i)
        target = targets[route.to]
        assert target.low is not None
        assert target.high is not None
        span = target.high - target.low
        if max(abs(v) for v in route.out) > span:
            yield (
                ("routes", i, "out"),
                f"out {list(route.out)} goes beyond the whole range of {route.to}, {target.low:g} to {target.high:g}.",
            )


def _lfo_faults(route: Route, i: int) -> Any:
    given = sorted({"hz", "beats", "phase"} & route.model_fields_set)
    if not route.is_lfo:
        if given:
            waves = ", ".join(WAVES)
            yield (
                ("routes", i, given[0]),
                f"{given[0]} goes with an oscillator ({waves}); the source is {route.source}.",
            )
    elif (route.hz is None) == (route.beats is None):
        place = "hz" if "hz" in given else "source"
        yield ("routes", i, place), f"{route.source} needs its speed: either hz, or beats (in a turn)."
