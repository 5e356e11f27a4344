"""What a route can listen to: the features of a frame by name, and oscillators that hear nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.frame import FEATURES, Field
from bentlight.errors import BadInput
from scenes.lfo import WAVES

__all__ = ["DEAF", "SHARES", "SOURCES", "SWAY", "VECTORS", "Source", "did_you_mean", "source"]

SWAY = "sway"
"""The source that hears nothing: a raised cosine of scene time, so that a bend drifts in silence too."""
DEAF = frozenset({SWAY, *WAVES})
"""Every source that hears nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One number per hop.

    Attributes
    ----------
    name : str
        As written in a scene: a feature, or ``bands.3`` for one element of a feature with several.
    field : Field
        Its declaration: unit, range, resting value.
    element : int or None
        Which element; None for a scalar.
    """

    name: str
    field: Field
    element: int | None = None

    def read(self, frames: np.ndarray) -> np.ndarray:
        """Return this source's values, shape (hops,), as finite float64; a value that is not finite is at rest."""
        column = frames[self.field.name]
        if self.element is not None:
            column = column[:, self.element]
        column = column.astype(np.float64)
        return np.where(np.isfinite(column), column, self.field.rest)


def _all_sources() -> dict[str, Source]:
    found: dict[str, Source] = {}
    for field in FEATURES:
        if field.size == 1:
            found[field.name] = Source(field.name, field)
        else:
            for element in range(field.size):
                found[f"{field.name}.{element}"] = Source(f"{field.name}.{element}", field, element)
    found[SWAY] = Source(SWAY, Field(SWAY, "f4", 1, "", 0, 1, 0, "slow rise and fall over period_s; hears nothing"))
    for wave, (_, what) in WAVES.items():
        found[wave] = Source(wave, Field(wave, "f4", 1, "", 0, 1, 0, f"oscillator, `hz` or `beats`: {what}"))
    return found


SOURCES: dict[str, Source] = _all_sources()
"""Every source by name."""

VECTORS: dict[str, int] = {field.name: field.size for field in FEATURES if field.size > 1}
"""Features of several values, with how many: what a mixture can follow."""

SHARES: frozenset[str] = frozenset(field.name for field in FEATURES if field.size > 1 and field.unit == "share")
"""Those whose values sum to 1, as chroma: the more of them sound, the less each has."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` when a known word is close, else the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}."


def source(name: str) -> Source:
    """Return the source called `name`.

    Raises
    ------
    BadInput
        If there is none.
    """
    try:
        return SOURCES[name]
    except KeyError:
        raise BadInput(f"there is no source {name!r}{did_you_mean(name, SOURCES)}") from None
