"""Even blends: at which pace a blend of two prompts goes through its weights so that its pictures change evenly.

Half-way between two embeddings is seldom half-way between two pictures: a network holds on to what it knows and then
changes over within a small part of the way. So the way is measured in pictures, and gone in equal parts of that
measure, as a curve is in arc length. Needs no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.files import write_whole

__all__ = ["Pace", "Paces", "evened", "measured"]

_POINTS = 17
"""Places of a blend that are painted with each noise, ends included."""
_FIRST = 5
_SEEDS = (1009, 2003, 4001)
"""Noises with which a blend is painted: where it changes over differs from noise to noise."""
_SIDE = 64
"""Pixels along the shorter side that are compared."""
_MOST = 4096
"""Pairs kept in a file; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where to be in a blend of two prompts.

    Attributes
    ----------
    weights : tuple of float
        Weights of the second prompt, rising from 0 to 1.
    shares : tuple of float
        How much of all that changes on the way has changed at each of them, rising from 0 to 1.
    """

    weights: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, share: float) -> float:
        """Return the weight of the second prompt where a share (0 to 1) of the change is to have happened."""
        return float(np.interp(share, self.shares, self.weights))

    @property
    def back(self) -> Pace:
        """The same way from the second prompt to the first."""
        weights, shares = (tuple(round(1.0 - x, 5) for x in reversed(xs)) for xs in (self.weights, self.shares))
        return Pace(weights, shares)

    @classmethod
    def through(cls, weights: list[float], changes: list[float]) -> Pace:
        """Return the pace of a way.

        Parameters
        ----------
        weights : list of float
            Rising from 0 to 1.
        changes : list of float
            How much the pictures change between each two; where that is nothing, the way is gone straight.
        """
        total = math.fsum(changes)
        if not total > 0:
            return cls(tuple(weights), tuple(weights))
        # Rounded, so that the way back is the same to the last digit.
        weights = np.round(weights, 5).tolist()
        done = np.round(np.cumsum(changes[:-1]) / total, 5).tolist()
        return cls(tuple(weights), (0.0, *done, 1.0))


def measured(picture: Callable[[float, int], np.ndarray]) -> Generator[None, None, Pace]:
    """Measure a blend, picture by picture, so that others can be made in between.

    Places are first spread over the way, then each is put where the pictures on both sides differ most.

    Parameters
    ----------
    picture : callable
        ``picture(weight, seed)`` paints the blend where the second prompt has a weight, with the noise of a seed:
        (height, width, 3), 0 to 255. Called with three seeds for each of 17 weights.

    Yields
    ------
    None
        After each picture.

    Returns
    -------
    Pace
        When it has been exhausted (``pace = yield from measured(picture)``).
    """
    weights: list[float] = []
    seen: list[list[np.ndarray]] = []
    changes: list[float] = []
    waiting = np.linspace(0.0, 1.0, _FIRST).tolist()
    while len(weights) < _POINTS:
        weight = waiting.pop(0) if waiting else _midst(weights, changes)
        at = bisect_left(weights, weight)
        painted = []
        for seed in _SEEDS:
            painted.append(_thinned(picture(weight, seed)))
            yield
        weights.insert(at, weight)
        seen.insert(at, painted)
        changes = [_difference(a, b) for a, b in pairwise(seen)]
    return Pace.through(weights, changes)


def _midst(weights: list[float], changes: list[float]) -> float:
    largest = int(np.argmax(changes))
    return (weights[largest] + weights[largest + 1]) / 2


def _thinned(pixels: np.ndarray) -> np.ndarray:
    step = max(1, min(pixels.shape[:2]) // _SIDE)
    return pixels[::step, ::step].astype(np.int16)


def _difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(some, others, strict=True)]))


def evened(weights: Mapping[str, float], paces: Mapping[tuple[str, str], Pace | None]) -> dict[str, float]:
    """Return the weights of prompts at the paces between each two of them.

    A weight may rise from 0 or fall to it without a jump.

    Parameters
    ----------
    weights : mapping of str to float
        Sum to 1.
    paces : mapping of (str, str) to Pace or None
        From the first text to the second; a pair that lacks one goes straight.

    Returns
    -------
    dict of str to float
        Sum to 1; the same texts in the same order.
    """
    moved = dict(weights)
    for (first, second), pace in paces.items():
        both = weights.get(first, 0.0) + weights.get(second, 0.0)
        if pace is not None and both > 0:
            share = weights.get(second, 0.0) / both
            further = both * (pace(share) - share)
            moved[first] -= further
            moved[second] += further
    kept = {text: max(0.0, weight) for text, weight in moved.items()}
    total = math.fsum(kept.values())
    return {text: weight / total for text, weight in kept.items()}


class Paces:
    """The paces of one model that have been measured, kept in a file between runs.

    Parameters
    ----------
    path : callable
        Gives the file, the first time it is needed; what cannot be read there is measured again.
    """

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path = path
        self._kept: dict[str, Pace] | None = None
        self._new = False

    def of(self, first: str, second: str) -> Pace | None:
        """Return the pace from one prompt to another; None when it has not been measured."""
        key, turned = _pair(first, second)
        pace = self._known().get(key)
        return pace.back if turned and pace is not None else pace

    def keep(self, first: str, second: str, pace: Pace) -> None:
        """Take the pace from one prompt to another."""
        key, turned = _pair(first, second)
        self._known()[key] = pace.back if turned else pace
        self._new = True

    def save(self) -> None:
        """Write what is new, whole or not at all; a folder that cannot be written to costs only measuring again."""
        if not self._new:
            return
        self._new = False
        newest = list(self._known().items())[-_MOST:]
        content = {key: [pace.weights, pace.shares] for key, pace in newest}
        with contextlib.suppress(OSError):
            write_whole(self._path(), json.dumps(content).encode("utf-8"))

    def _known(self) -> dict[str, Pace]:
        if self._kept is None:
            self._kept = _read(self._path())
        return self._kept


def _pair(first: str, second: str) -> tuple[str, bool]:
    """Name of a pair whichever comes first, and whether it is the other way round than its name."""
    a, b = (hashlib.sha256(text.encode()).hexdigest()[:16] for text in (first, second))
    return (f"{b}-{a}", True) if b < a else (f"{a}-{b}", False)


def _read(path: Path) -> dict[str, Pace]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: Pace(*map(tuple, pace)) for key, pace in content.items() if _is_pace(pace)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _is_pace(found: object) -> bool:
    """Whether this is what a pace is kept as."""
    if not isinstance(found, list) or len(found) != 2:
        return False
    return all(_rises(numbers) for numbers in found) and len(found[0]) == len(found[1])


def _rises(numbers: object) -> bool:
    """Whether these are numbers that rise from 0 to 1."""
    if not isinstance(numbers, list) or not all(isinstance(x, int | float) for x in numbers):
        return False
    return 2 <= len(numbers) <= 100 and numbers[0] == 0 and numbers[-1] == 1 and bool((np.diff(numbers) >= 0).all())
