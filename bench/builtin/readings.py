"""What a section hands back: readings against bars, remarks and files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Reading", "Section"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value and the bar it is held to.

    Attributes
    ----------
    what : str
    value : float
        NaN never meets a bar.
    at_least, at_most : float or None
        The bar; both None where the value is only told.
    unit : str
    note : str
        How it was counted, or what is behind it.
    digits : int
        Decimals shown.
    """

    what: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    note: str = ""
    digits: int = 3

    @property
    def short_by(self) -> float:
        """How far the value is from its bar: 0 when it is met, infinite for a value that is not finite."""
        if self.at_least is None and self.at_most is None:
            return 0.0
        if not math.isfinite(self.value):
            return math.inf
        below = 0.0 if self.at_least is None else self.at_least - self.value
        above = 0.0 if self.at_most is None else self.value - self.at_most
        return max(0.0, below, above)

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None when there is none."""
        return None if self.at_least is None and self.at_most is None else self.short_by == 0

    @property
    def bar(self) -> str:
        """The bar in words."""
        low, high = (None if b is None else f"{b:.{self.digits}f}" for b in (self.at_least, self.at_most))
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""

    @property
    def verdict(self) -> str:
        """``met``, by how much it is short, or nothing."""
        if self.met is None:
            return ""
        if self.met:
            return "met"
        return "no value" if math.isinf(self.short_by) else f"short by {self.short_by:.{self.digits}f}"

    def plain(self) -> dict[str, Any]:
        """The reading as JSON can hold it."""
        value = self.value if math.isfinite(self.value) else None
        short = self.short_by if math.isfinite(self.short_by) else None
        return {
            "what": self.what, "value": value, "unit": self.unit, "at_least": self.at_least, "at_most": self.at_most,
            "met": self.met, "short_by": short, "note": self.note,
        }  # fmt: skip


@dataclass(slots=True)
class Section:
    """Everything one section found.

    Attributes
    ----------
    name, about : str
    readings : list of Reading
    remarks : list of str
        Lines shown under the table.
    data : dict
        Finer figures, for ``--json`` only.
    files : list of Path
        Pictures written.
    """

    name: str
    about: str
    readings: list[Reading] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """The section as JSON can hold it."""
        return {
            "about": self.about, "seconds": round(self.seconds, 1),
            "readings": [reading.plain() for reading in self.readings], "remarks": self.remarks,
            "data": self.data, "files": [str(path) for path in self.files],
        }  # fmt: skip
