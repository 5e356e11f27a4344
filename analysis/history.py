"""`History`: the last samples of a stream in one piece."""

from __future__ import annotations

import numpy as np

__all__ = ["History"]


class History:
    """Holds the last `length` samples, zeros at first.

    The memory is twice that long and is filled from left to right, so most pushes copy the new samples only.

    Parameters
    ----------
    length : int
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._memory = np.zeros(2 * length, np.float32)
        self._end = length

    def push(self, samples: np.ndarray) -> None:
        """Append samples, at most `length` of them."""
        begin, end = self._end, self._end + len(samples)
        if end > 2 * self._length:
            self._memory[: self._length] = self._memory[begin - self._length : begin].copy()
            begin, end = self._length, self._length + len(samples)
        self._memory[begin:end] = samples
        self._end = end

    def last(self, count: int) -> np.ndarray:
        """Return a view of the newest `count` samples, good until the next push."""
        return self._memory[self._end - count : self._end]

    def clear(self) -> None:
        """Forget all."""
        self._memory[:] = 0.0
