"""What a scene file may put in a route's `through`: the blocks, each with its settings and how it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from scenes.conditioning import (
    Conditioner,
    Curve,
    Follow,
    Hold,
    Median,
    Moment,
    Normaliser,
    Quantiser,
    Slew,
    gate,
    plateau,
    two_slopes,
)
from scenes.fields import InMilliseconds, InSeconds, Number, Part
from scenes.sources import did_you_mean

__all__ = ["BLOCKS", "Block", "Chain", "Step"]

_Level = Annotated[Number, Field(ge=0, le=1)]
_PerSecond = Annotated[Number, Field(gt=0, le=1000)]


class Block(Part):
    """Settings of a block. What `first` names is also what a bare number after the block's name sets."""

    what: ClassVar[str]
    first: ClassVar[str]

    def make(self) -> Conditioner:
        """Return the block with a state of its own."""
        raise NotImplementedError


class MedianBlock(Block):
    """`scenes.conditioning.Median`."""

    what = (
        "median of the last `window_ms`, each value counted for as long as it stood: what lasts less than half of it "
        "vanishes, a step comes out half of it late"
    )
    first = "window_ms"
    window_ms: Annotated[InMilliseconds, Field(gt=0, le=3000)] = 80.0

    def make(self) -> Conditioner:
        """Return it."""
        return Median(self.window_ms / 1000)


class FollowBlock(Block):
    """`scenes.conditioning.Follow`."""

    what = "rises with the attack and falls with the release, as `mode: follow` does"
    first = "release_ms"
    release_ms: Annotated[InMilliseconds, Field(ge=0, le=20_000)] = 200.0
    attack_ms: Annotated[InMilliseconds, Field(ge=0, le=20_000)] = 0.0

    def make(self) -> Conditioner:
        """Return it."""
        return Follow(self.attack_ms / 1000, self.release_ms / 1000)


class HoldBlock(Block):
    """`scenes.conditioning.Hold`."""

    what = "the highest value of the last `hold_ms`: a peak stands for so long"
    first = "hold_ms"
    hold_ms: Annotated[InMilliseconds, Field(gt=0, le=20_000)] = 100.0

    def make(self) -> Conditioner:
        """Return it."""
        return Hold(self.hold_ms / 1000)


class GateBlock(Block):
    """`scenes.conditioning.gate`."""

    what = "0 below the threshold, else the value"
    first = "threshold"
    threshold: _Level = 0.05

    def make(self) -> Conditioner:
        """Return it."""
        return Curve(lambda x: gate(x, self.threshold))


class NormaliseBlock(Block):
    """`scenes.conditioning.Normaliser`."""

    what = (
        "stretches the input so that two percentiles of the last `window_s` (a time constant) come out as 0 and 1; "
        "silence keeps what was learned"
    )
    first = "window_s"
    window_s: Annotated[InSeconds, Field(ge=1, le=600)] = 30.0
    low: Annotated[Number, Field(ge=0, le=0.5)] = 0.05
    high: Annotated[Number, Field(gt=0.5, le=1)] = 0.95

    def make(self) -> Conditioner:
        """Return it."""
        return Normaliser(self.window_s, self.low, self.high)


class PowerBlock(Block):
    """x to a power."""

    what = "x^`exponent`"
    first = "exponent"
    exponent: Annotated[Number, Field(ge=0.1, le=10)] = 2.0

    def make(self) -> Conditioner:
        """Return it."""
        return Curve(lambda x: x**self.exponent)


class CompressBlock(Block):
    """`scenes.conditioning.two_slopes`, flatter above the threshold."""

    what = (
        "slope `ratio` above the threshold, 1 below it, joined over `knee`, scaled so that 1 stays 1: "
        "lifts what is quiet"
    )
    first = "threshold"
    threshold: _Level = 0.5
    ratio: _Level = 0.5
    knee: _Level = 0.0

    def make(self) -> Conditioner:
        """Return it."""
        return Curve(lambda x: two_slopes(x, self.threshold, 1.0, self.ratio, self.knee))


class ExpandBlock(Block):
    """`scenes.conditioning.two_slopes`, flatter below the threshold."""

    what = (
        "slope `ratio` below the threshold, 1 above it, joined over `knee`, scaled so that 1 stays 1: "
        "keeps what is quiet down"
    )
    first = "threshold"
    threshold: _Level = 0.5
    ratio: _Level = 0.5
    knee: _Level = 0.0

    def make(self) -> Conditioner:
        """Return it."""
        return Curve(lambda x: two_slopes(x, self.threshold, self.ratio, 1.0, self.knee))


class QuantiseBlock(Block):
    """`scenes.conditioning.Quantiser`."""

    what = (
        "takes the value where a beat falls and holds it for so many beats: 0.5, 1, 4 (a bar), …; "
        "at 120 BPM until a tempo is heard"
    )
    first = "beats"
    beats: Annotated[Number, Field(ge=0.125, le=64)] = 1.0

    def make(self) -> Conditioner:
        """Return it."""
        return Quantiser(self.beats)


class SlewBlock(Block):
    """`scenes.conditioning.Slew`."""

    what = "rises and falls by no more than so much in a second; `down_per_s` is as `up_per_s` where it is not said"
    first = "up_per_s"
    up_per_s: _PerSecond = 2.0
    down_per_s: _PerSecond | None = None

    def make(self) -> Conditioner:
        """Return it."""
        return Slew(self.up_per_s, self.up_per_s if self.down_per_s is None else self.down_per_s)


class PlateauBlock(Block):
    """`scenes.conditioning.plateau`."""

    what = "1 at rest, dips by `depth` at most: 1 − `depth`·x"
    first = "depth"
    depth: Annotated[Number, Field(gt=0, le=1)] = 1.0

    def make(self) -> Conditioner:
        """Return it."""
        return Curve(lambda x: plateau(x, self.depth))


BLOCKS: dict[str, type[Block]] = {
    "median": MedianBlock,
    "follow": FollowBlock,
    "hold": HoldBlock,
    "gate": GateBlock,
    "normalise": NormaliseBlock,
    "power": PowerBlock,
    "compress": CompressBlock,
    "expand": ExpandBlock,
    "quantise": QuantiseBlock,
    "slew": SlewBlock,
    "plateau": PlateauBlock,
}
"""Every block by the name that a scene file uses."""


def _settings(kind: type[Block]) -> Any:
    """Type of a block's settings, which may be one bare number."""

    def read(value: object) -> object:
        bare = isinstance(value, int | float | str) and not isinstance(value, bool)
        return {kind.first: value} if bare else value

    return Annotated[kind | None, BeforeValidator(read)]


class _OneBlock(Part):
    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        if isinstance(value, str):
            if value not in BLOCKS:
                raise PydanticCustomError(
                    "step", "{it}", {"it": f"there is no block {value[:40]!r}{did_you_mean(value, BLOCKS)}"}
                )
            return {value: {}}
        if isinstance(value, dict) and (len(value) != 1 or next(iter(value.values())) is None):
            raise PydanticCustomError("step", "give one block with its settings, such as median: 80ms.")
        return value

    @property
    def name(self) -> str:
        """The block's name."""
        return next(iter(self.model_fields_set))

    @property
    def block(self) -> Block:
        """Its settings."""
        block: Block = getattr(self, self.name)
        return block


Step: Any = create_model("Step", __base__=_OneBlock, **{n: (_settings(kind), None) for n, kind in BLOCKS.items()})  # type: ignore[call-overload]
"""One item of a route's `through`."""


class Chain:
    """The blocks of a route, in order.

    Parameters
    ----------
    steps : sequence of Step
    """

    def __init__(self, steps: Iterable[Any]) -> None:
        self._blocks = tuple((step.name, step.block.make()) for step in steps)

    def step(self, value: float, moment: Moment) -> float:
        """Take the value (0..1) that stood over a hop; return what comes out at its end (0..1)."""
        for _, block in self._blocks:
            value = block.step(value, moment)
        return value

    def settle(self, value: float) -> float:
        """Stand as if `value` had come in for ever; return what comes out then."""
        for _, block in self._blocks:
            value = block.settle(value)
        return value

    def take(self, other: Chain) -> None:
        """Go on where another stands, block by block: the first of a kind where the other's first of it stands, …"""
        standing = list(other._blocks)
        for name, block in self._blocks:
            for place, (old_name, old) in enumerate(standing):
                if old_name == name:
                    block.take(old)
                    del standing[place]
                    break
