"""`Intake`: from the sound card's callback to the analysis, with next to nothing done in the callback."""

from __future__ import annotations

import queue
from typing import NamedTuple

import numpy as np

__all__ = ["Block", "Intake"]

_SECONDS = 2.0


class Block(NamedTuple):
    """Sound as it was handed over.

    Attributes
    ----------
    samples : ndarray of float32, shape (n, channels)
        A view that holds good until two seconds of sound have passed.
    captured_s : float
        Host clock when it was handed over.
    lost : int
        Samples dropped before it because the analysis was two seconds behind.
    """

    samples: np.ndarray
    captured_s: float
    lost: int


class Intake:
    """Bounded queue of blocks over memory laid out beforehand: one thread puts, another takes.

    Parameters
    ----------
    sample_rate : float
    channels : int
    block : int
        Samples in a block; longer ones are divided.

    Attributes
    ----------
    xruns : int
        Blocks the sound card reported as damaged, or that were dropped here.
    """

    def __init__(self, sample_rate: float, channels: int, block: int) -> None:
        self._slots = max(16, round(_SECONDS * sample_rate / block))
        self._memory = np.zeros((self._slots, block, channels), np.float32)
        self._block = block
        self._queue: queue.SimpleQueue[tuple[int, int, float, int]] = queue.SimpleQueue()
        self._slot = 0
        self._lost = 0
        self.xruns = 0

    def put(self, samples: np.ndarray, captured_s: float) -> None:
        """Copy samples, shape (n, channels), into the queue; never waits, and drops them when the queue is full."""
        for start in range(0, len(samples), self._block):
            part = samples[start : start + self._block]
            if self._queue.qsize() >= self._slots - 2:
                self._lost += len(part)
                self.xruns += 1
                continue
            slot, self._slot = self._slot, (self._slot + 1) % self._slots
            self._memory[slot, : len(part)] = part
            lost, self._lost = self._lost, 0
            self._queue.put((slot, len(part), captured_s, lost))

    def take(self, timeout_s: float) -> Block | None:
        """Return the next block, or None when none came in time."""
        try:
            slot, count, captured_s, lost = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        return Block(self._memory[slot, :count], captured_s, lost)

    @property
    def waiting(self) -> int:
        """Blocks in the queue."""
        return self._queue.qsize()
