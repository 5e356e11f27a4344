"""A network with one hidden layer of rectified units, read from a file of arrays."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from analysis.extremes import constant

__all__ = ["Perceptron"]

_ZERO = constant(0.0, np.float64)


class Perceptron:
    """Answers to a description, by weights that one of the teaching commands in `bench` found.

    Parameters
    ----------
    path : Path
        An .npz archive: ``mean`` and ``scale`` of the descriptions, ``first``, ``first_bias``, ``last``, ``last_bias``.

    Attributes
    ----------
    mean : ndarray, shape (features,)
        Of the descriptions that it was taught with: what says nothing where a value cannot be had.
    """

    def __init__(self, path: Path) -> None:
        kept = _read(path)
        self.mean = kept["mean"]
        scale = kept["scale"]
        # Standardising the description is part of the first layer.
        self._first = kept["first"] / scale[:, None]
        self._first_bias = kept["first_bias"] - (kept["mean"] / scale) @ kept["first"]
        self._last, self._last_bias = kept["last"], kept["last_bias"]

    def __call__(self, described: np.ndarray) -> np.ndarray:
        """Return the answers, shape (answers,), to a description, shape (features,)."""
        hidden = described.dot(self._first)
        np.add(hidden, self._first_bias, out=hidden)
        np.maximum(hidden, _ZERO, out=hidden)
        return hidden.dot(self._last) + self._last_bias


@cache
def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name].astype(np.float64) for name in kept.files}
