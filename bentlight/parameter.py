"""`Parameter`: the single declaration of everything that can be set while playing.

Validation, OSC addresses, the HUD, take logs and the reference page are all made from these declarations.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

from bentlight.errors import BadInput

__all__ = ["Kind", "Parameter", "Value"]

Kind = Literal["float", "int", "bool", "choice", "text", "trigger"]
Value = float | int | bool | str

_TEXT_LIMIT = 500


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
            value = self._at_limit(float(value))
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise BadInput(f"{self.name} is {value:g}; it must be from {self.low:g} to {self.high:g}{self._unit()}.")
        if self.kind == "int":
            if value != int(value):
                raise BadInput(f"{self.name} is {value:g}; it must be a whole number.")
            return int(value)
        return float(value)

    def _at_limit(self, value: float) -> float:
        """A limit itself where `value` is that limit in single precision, as OSC sends it: 2 pi is above 2 pi there."""
        for limit in (self.low, self.high):
            if limit is not None and value == struct.unpack("f", struct.pack("f", limit))[0]:
                return float(limit)
        return value

    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""
