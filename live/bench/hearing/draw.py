"""Everything random in a clip is drawn here, from one seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from live.bench.hearing.sampled import Band

__all__ = ["Draw", "Half", "or_sampled"]

Half = Literal["tune", "report"]
Item = TypeVar("Item")

_WIDER = 0.1
"""How much further than the tuning half the report half draws, at either end of a range, as a share of it."""


class Draw:
    """Random numbers of one clip.

    The report half draws timbres from ranges a tenth wider at either end, so that it holds instruments that nothing
    can have been tuned on. Musical quantities (tempo, swing) have the same range in both.

    Parameters
    ----------
    seed : int
    half : "tune" or "report"
    name : str
        The clip's class.
    index : int
        Which clip of its class.
    rate : int, optional
        Sample rate in Hz; drawn when not said.
    seconds : float, optional
        Length of the clip; its class says when not said.
    band : Band, optional
        Plays in place of the synthesised instruments.
    """

    def __init__(
        self,
        seed: int,
        half: Half,
        name: str,
        index: int,
        rate: int | None = None,
        seconds: float | None = None,
        band: Band | None = None,
    ) -> None:
        self.half, self.band = half, band
        self.rng = np.random.default_rng([seed, half == "report", zlib.crc32(name.encode()), index])
        self._wider = _WIDER if half == "report" else 0.0
        drawn = int(self.rng.choice((44_100, 48_000)))
        self.seconds = seconds
        self.rate = drawn if rate is None else rate

    def timbre(self, low: float, high: float) -> float:
        """Return a positive property of a sound, evenly spread on a log scale."""
        wider = self._wider * math.log(high / low)
        return math.exp(self.rng.uniform(math.log(low) - wider, math.log(high) + wider))

    def between(self, low: float, high: float) -> float:
        """Return a musical quantity, evenly spread."""
        return float(self.rng.uniform(low, high))

    def whole(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return one of several."""
        return items[int(self.rng.integers(len(items)))]

    def chance(self, share: float) -> bool:
        """Return True in `share` of all cases."""
        return bool(self.rng.random() < share)


def or_sampled(part: Literal["drum", "tone"], kind: str) -> Callable[[Callable], Callable]:
    """Let a `Band`, where there is one, draw this instrument in place of the synthesiser."""

    def decorate(make: Callable) -> Callable:
        @wraps(make)
        def draw_one(draw: Draw, rate: int) -> Any:
            return make(draw, rate) if draw.band is None else getattr(draw.band, part)(kind, draw, rate)

        return draw_one

    return decorate
