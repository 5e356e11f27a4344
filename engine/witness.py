"""Which bend made values that are not finite: found by looking at what every bend returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from engine.bends.hooks import CompiledPlan

__all__ = ["Witness"]


class Witness:
    """Finds out which bend makes values that are not finite: the first that does, else the one that made the largest.

    A bend can break a picture with finite values too, so large that the network after it overflows.
    """

    def __init__(self) -> None:
        self._first: str | None = None
        self._largest: tuple[float, str | None] = (0.0, None)

    @property
    def culprit(self) -> str | None:
        """Name of the bend; None if none was watched."""
        return self._first or self._largest[1]

    @contextmanager
    def watching(self, plan: CompiledPlan) -> Iterator[None]:
        """Look at what every bend of a plan returns, inside the block."""
        names: dict[str, list[str]] = {}
        for bend in plan.plan.bends:
            names.setdefault(bend.site, []).append(bend.name)
        seats: dict[str, Any] = dict(plan.seats)
        try:
            for site, row in seats.items():
                plan.seats[site] = [self._watched(*pair) for pair in zip(names[site], row, strict=True)]  # type: ignore[misc]
            yield
        finally:
            plan.seats.update(seats)

    def _watched(self, name: str, seat: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def look(x: Tensor, sd: float | None = None) -> Tensor:
            y = seat(x, sd)
            peak = float(y.abs().max())
            if not math.isfinite(peak):
                self._first = self._first or name
            elif peak > self._largest[0]:
                self._largest = (peak, name)
            return y

        return look
