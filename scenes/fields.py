"""The kinds of value that a scene file holds, and the base of its parts."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = [
    "Clock",
    "InMilliseconds",
    "InSeconds",
    "Milliseconds",
    "Name",
    "Number",
    "Part",
    "Range",
    "Seed",
    "Text",
    "Whole",
]

_CLOCK = re.compile(r"(\d{1,3}):([0-5]?\d(?:\.\d{1,3})?)")
_LASTING = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(ms|s)")


def _number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError(f"{repr(value)[:40]} is no number")
    return value


def _clock(value: object) -> object:
    """``m:ss`` as people write places in a track, or seconds."""
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        return int(match[1]) * 60 + float(match[2])
    return value if value is None else _number(value)


def _lasting(unit_s: float) -> BeforeValidator:
    """A number in the key's own unit, or with its unit behind it: ``80ms``, ``30s``."""

    def read(value: object) -> object:
        if isinstance(value, str) and (match := _LASTING.fullmatch(value)):
            return float(match[1]) * (0.001 if match[2] == "ms" else 1.0) / unit_s
        return _number(value)

    return BeforeValidator(read)


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Clock = Annotated[Annotated[float, Field(ge=0, le=86_400)] | None, BeforeValidator(_clock)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=300)]
Name = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Milliseconds = Annotated[Number, Field(ge=0, le=20_000)]
InMilliseconds = Annotated[float, _lasting(0.001)]
InSeconds = Annotated[float, _lasting(1.0)]
Seed = Annotated[Whole, Field(ge=0, le=2**31 - 1)]
Range = tuple[Annotated[Number, Field(ge=-24_000, le=24_000)], Annotated[Number, Field(ge=-24_000, le=24_000)]]


class Part(BaseModel):
    """A part of a scene: no keys but its own, never changed, no infinities.

    A key with nothing behind it is as if it were not there, as when all below it was made a comment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in given.items() if value is not None or key not in known}
