"""`FeatureRing`: the way of feature frames from the ears to everyone, through shared memory, without a lock."""

from __future__ import annotations

import numpy as np

from analysis.frame import FEATURE_FRAME
from live.capture.shared import RecordRing, Segment

__all__ = ["FeatureReader", "FeatureRing"]

_MAGIC = 0x42454E5446454154
_SLOTS = 2048
_HEADER = 24
_GUARD = 4
"""A lapped reader goes on this many slots behind the writer's back, so that it is not lapped again at once."""


class FeatureRing:
    """Ring of feature frames: a single writer, any number of readers.

    Use `create` (the parent, who also calls `unlink`) or `attach`.

    Attributes
    ----------
    name : str
        Name to attach to from another process.
    slots : int
        Frames the ring holds; 2048 are 10.9 s.
    """

    def __init__(self, segment: Segment, slots: int) -> None:
        self._segment = segment
        self.name, self.slots = segment.name, slots
        self._ring = RecordRing(segment.memory, _HEADER, FEATURE_FRAME, slots)

    @classmethod
    def create(cls, name: str | None = None, slots: int = _SLOTS) -> FeatureRing:
        """Create the shared memory, under `name` or one the system chooses."""
        segment = Segment(name, _HEADER + RecordRing.size(FEATURE_FRAME, slots))
        header = np.ndarray((3,), np.uint64, segment.memory)
        header[:] = (_MAGIC, slots, FEATURE_FRAME.itemsize)
        return cls(segment, slots)

    @classmethod
    def attach(cls, name: str) -> FeatureRing:
        """Attach to a ring that another process created.

        Raises
        ------
        FileNotFoundError
            If there is no such memory.
        ValueError
            If it is not a feature ring, or one of another version.
        """
        segment = Segment(name)
        magic, slots, size = (int(word) for word in np.ndarray((3,), np.uint64, segment.memory).copy())
        if (magic, size) != (_MAGIC, FEATURE_FRAME.itemsize):
            raise ValueError(f"shared memory {name} is not a feature ring of this version")
        return cls(segment, slots)

    @property
    def written(self) -> int:
        """Frames written since the ring was created."""
        return self._ring.head

    def write(self, frames: np.ndarray) -> None:
        """Append frames, shape (hops,). Only the one writer calls this."""
        for frame in frames:
            self._ring.write(frame)

    def newest(self) -> np.ndarray | None:
        """Return the newest frame, shape (), or None before the first."""
        return self._ring.newest()

    def get(self, number: int) -> np.ndarray | None:
        """Return the frame written as number `number`, shape (), or None when the ring no longer holds it."""
        return self._ring.get(number)

    def reader(self) -> FeatureReader:
        """Return a reader that begins with the next frame to be written."""
        return FeatureReader(self)

    def unlink(self) -> None:
        """Remove the name; whoever is attached stays so. Only the creator calls this."""
        self._segment.unlink()


class FeatureReader:
    """One reader's place in a `FeatureRing`. Not for two threads at once."""

    def __init__(self, ring: FeatureRing) -> None:
        self._ring = ring
        self._next = ring.written

    def read(self) -> tuple[np.ndarray, int]:
        """Return every frame since the last visit, shape (hops,), and how many were lost because they came too late.

        Frames returned and frames lost always add up to the frames written.
        """
        ring, head = self._ring, self._ring.written
        first = max(self._next, head - ring.slots + _GUARD) if head - self._next > ring.slots else self._next
        lost = first - self._next
        frames = []
        for number in range(first, head):
            frame = ring.get(number)
            if frame is None:
                lost += 1
            else:
                frames.append(frame)
        self._next = head
        return (np.array(frames, FEATURE_FRAME) if frames else np.zeros(0, FEATURE_FRAME)), lost

    def newest(self) -> np.ndarray | None:
        """Return the newest frame, shape (), without moving on; None before the first."""
        return self._ring.newest()
