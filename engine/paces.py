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
from engine.spec import FrameSpec

__all__ = ["PICTURES", "Pace", "Paces", "evened", "measure", "measured", "pair_key"]

_POINTS = 17
"""Places of a blend that are painted with each noise, ends included."""
_FIRST = 5
"""Of those, the evenly spread ones that it begins with."""
_SEEDS = (1009, 2003, 4001)
"""Noises with which a blend is painted: where it changes over differs from noise to noise."""
PICTURES = _POINTS * len(_SEEDS)
"""How many pictures a blend is measured by."""
_SIDE = 64
"""Pixels along the shorter side that are compared."""
_STRAIGHT = 0.02
"""Share of the change that is taken to come evenly with the weights, so that no place is passed in no time."""
_MOST = 512
"""Pairs kept in a file; the oldest goes first."""
_VERSION = 1
"""Goes up whenever blends are measured otherwise, so that what was kept before is measured anew."""


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
        parts = (1 - _STRAIGHT) * np.asarray(changes) / total + _STRAIGHT * np.diff(weights)
        return cls(tuple(weights), (0.0, *np.cumsum(parts[:-1]).tolist(), 1.0))


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


def measure(picture: Callable[[float, int], np.ndarray]) -> Pace:
    """Do what `measured` does, at once."""
    measuring = measured(picture)
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value


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
        self._ask_path = path
        self._path: Path | None = None
        self._kept: dict[str, Pace] = {}
        self._new: dict[str, Pace] = {}

    def of(self, key: str) -> Pace | None:
        """Return the pace of a pair by its `pair_key`; None when it has not been measured."""
        return self._known().get(key)

    def keep(self, key: str, pace: Pace) -> None:
        """Take the pace of a pair."""
        self._known()[key] = self._new[key] = pace

    def save(self) -> None:
        """Write what is new beside what others have written, whole or not at all.

        A folder that cannot be written to costs only measuring again.
        """
        new, self._new = self._new, {}
        if not new or self._path is None:
            return
        newest = list((_read(self._path) | new).items())[-_MOST:]
        content = {key: [pace.weights, pace.shares] for key, pace in newest}
        with contextlib.suppress(OSError):
            write_whole(self._path, json.dumps(content).encode("utf-8"))

    def _known(self) -> dict[str, Pace]:
        if self._path is None:
            path = self._ask_path()
            self._kept = _read(path)
            self._path = path
        return self._kept


def pair_key(first: np.ndarray, second: np.ndarray, spec: FrameSpec, size: tuple[int, int]) -> str:
    """Return a name for the blend of two embeddings in pictures like that of a spec, at a size (width, height)."""
    how = (_VERSION, spec.plan, spec.values, spec.steps, spec.guidance, size)
    digest = hashlib.sha256(repr(how).encode())
    for embedding in (first, second):
        digest.update(np.ascontiguousarray(embedding, np.float32).tobytes())
    return digest.hexdigest()[:32]


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
    return 2 <= len(numbers) <= 100 and numbers[0] == 0 and numbers[-1] == 1 and bool((np.diff(numbers) > 0).all())
