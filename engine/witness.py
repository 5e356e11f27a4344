"""Which bend made values that are not finite: found by looking at what every bend returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from engine.bends.hooks import CompiledPlan
from engine.bends.weights import growth

__all__ = ["Witness"]


class Witness:
    """Finds out which bend makes values that are not finite.

    The first that makes them of finite ones. Where none does, values are finite but so large that the network after
    them overflows: then the bend that enlarges most what it is given, activations or weights, of those that are moved.
    """

    def __init__(self) -> None:
        self._first: str | None = None
        self._most: tuple[float, str | None] = (0.0, None)

    @property
    def culprit(self) -> str | None:
        """Name of the bend; None if none was watched, or none that is moved."""
        return self._first or self._most[1]

    @contextmanager
    def watching(self, plan: CompiledPlan) -> Iterator[None]:
        """Look at what every bend of a plan returns, inside the block; its values are written, its weights bent."""
        names: dict[str, list[str]] = {}
        for bend in plan.plan.bends:
            names.setdefault(bend.site, []).append(bend.name)
        moved = plan.moved
        for site, weights in plan.weights.items():
            for name, times in zip(names[site], weights.growths(), strict=True):
                self._note(name, times, name in moved)
        seats: dict[str, Any] = dict(plan.seats)
        try:
            for site, row in seats.items():
                pairs = zip(names[site], row, strict=True)
                plan.seats[site] = [self._watched(name, name in moved, seat) for name, seat in pairs]  # type: ignore[misc]
            yield
        finally:
            plan.seats.update(seats)

    def _watched(self, name: str, moved: bool, seat: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def look(x: Tensor, sd: float | None = None) -> Tensor:
            y = seat(x, sd)
            self._note(name, growth(x, y), moved)
            return y

        return look

    def _note(self, name: str, times: float, moved: bool) -> None:
        if math.isinf(times):
            self._first = self._first or name
        elif moved and times > self._most[0]:
            self._most = (times, name)
