"""`Parameter`: the single declaration of everything that can be set while playing.

Validation, OSC addresses, the HUD, take logs and the reference page are all made from these declarations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bentlight.errors import BadInput

__all__ = ["Kind", "Parameter", "Value"]

Kind = Literal["float", "int", "bool", "choice", "text", "trigger"]
Value = float | int | bool | str

_TEXT_LIMIT = 500
_WHOLE = 1e-3
"""How far a fader's float may be from a whole number that is meant."""
_EDGE = 1e-6
"""How far, in spans, beyond a limit that is meant: faders scale in single precision, where 2 pi is above 2 pi."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that can be set live.

    Attributes
    ----------
    name : str
        Short name, unique within its owner; letters, digits and underscores.
    default : float, int, bool or str
        Resting value. For an operator's parameter it is the neutral value, at which the operator is the identity.
    low, high : float or None
        Admissible range, ends included; only for ``float`` and ``int``.
    unit : str
        Unit for people: ``"rad"``, ``"dB"``, ``"s"``, ``"site sd"``; empty for a plain number.
    description : str
        One line.
    kind : {"float", "int", "bool", "choice", "text", "trigger"}
        A trigger carries no value: it only happens.
    choices : tuple of str
        Admissible values of a ``choice``.
    """

    name: str
    default: Value
    low: float | None = None
    high: float | None = None
    unit: str = ""
    description: str = ""
    kind: Kind = "float"
    choices: tuple[str, ...] = ()

    def clamp(self, value: float) -> float:
        """Return `value` moved into the range; a number that is not finite becomes the default."""
        if not math.isfinite(value):
            return float(self.default)
        if self.low is not None and value < self.low:
            return float(self.low)
        if self.high is not None and value > self.high:
            return float(self.high)
        return float(value)

    def parse(self, value: object) -> Value:
        """Check a value from outside (a scene file, OSC, the command line) and return it in this parameter's type.

        Raises
        ------
        BadInput
            If the type does not fit, a number is not finite or out of range, or a choice is unknown.
        """
        if self.kind == "trigger":
            return True
        if self.kind == "bool":
            if isinstance(value, bool):
                return value
            if isinstance(value, int | float) and value in (0, 1):
                return bool(value)
            raise BadInput(f"{self.name} is {value!r}; it must be true or false.")
        if self.kind in ("text", "choice"):
            if not isinstance(value, str):
                raise BadInput(f"{self.name} is {value!r}; it must be a text.")
            if self.kind == "choice" and value not in self.choices:
                raise BadInput(f"{self.name} is {value!r}; it must be one of {', '.join(self.choices)}.")
            if len(value) > _TEXT_LIMIT:
                raise BadInput(f"{self.name} has {len(value)} characters; {_TEXT_LIMIT} is the most.")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"{self.name} is {value!r}; it must be a number.")
        if not math.isfinite(value):
            raise BadInput(f"{self.name} is {value!r}; it must be a finite number.")
        if self.kind == "float":
            value = self._at_limit(value)
        elif abs(value - round(value)) <= _WHOLE:
            value = round(value)
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            told, low, high = _apart(value, self.low, self.high)
            raise BadInput(f"{self.name} is {told}; it must be from {low} to {high}{self._unit()}.")
        if self.kind == "int":
            if value != int(value):
                raise BadInput(f"{self.name} is {_apart(value, round(value), None)[0]}; it must be a whole number.")
            return int(value)
        return float(value)

    def _at_limit(self, value: float) -> float:
        """A limit itself where `value` is hardly beyond it."""
        if self.low is None or self.high is None or self.low <= value <= self.high:
            return value
        limit = self.low if value < self.low else self.high
        return limit if abs(value - limit) <= _EDGE * (self.high - self.low) else value

    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


def _apart(value: float, *limits: float | None) -> tuple[str, ...]:
    """Numbers for people, with as many digits as it takes to tell the value from its limits."""
    for digits in range(6, 18):
        told = tuple("" if number is None else f"{number:.{digits}g}" for number in (value, *limits))
        if told[0] not in told[1:]:
            return told
    return told
