"""`SampleRing`: the last seconds of sound as it came in, for recorder and takes, in the frames' stream time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from live.capture.shared import RecordRing, Segment

__all__ = ["SampleBlock", "SampleReader", "SampleRing"]

_MAGIC = 0x42454E5453414D50
_SECONDS, _HIGHEST_RATE = 20, 96_000
_CHANNELS = 2
_STRETCHES = 64
_HEADER = 40
_STRETCH = np.dtype(
    [("first", "u8"), ("start_s", "f8"), ("rate", "f8"), ("channels", "u4"), ("generation", "u4")], align=True
)


class SampleBlock(NamedTuple):
    """Samples without a gap among them.

    Attributes
    ----------
    samples : ndarray of float32, shape (n, channels)
        Before gain.
    start_time_s : float
        Stream time of the first sample. Where the last block ended earlier, sound is missing in between.
    lost : int
        Samples lost before this block because the reader came too late.
    """

    samples: np.ndarray
    start_time_s: float
    lost: int


class SampleRing:
    """Ring of 20 s of sound (at up to 96 kHz), one or two channels; a single writer, any number of readers.

    A stretch is sound without a gap. Each begins with `begin`, which says its stream time, rate and channels.
    """

    def __init__(self, segment: Segment, capacity: int) -> None:
        self._segment = segment
        self.name, self.capacity = segment.name, capacity
        # Samples announced before they are copied, and samples there.
        self._announced = np.ndarray((1,), np.uint64, segment.memory, 16)
        self._written = np.ndarray((1,), np.uint64, segment.memory, 24)
        self.stretches = RecordRing(segment.memory, _HEADER, _STRETCH, _STRETCHES)
        offset = _HEADER + RecordRing.size(_STRETCH, _STRETCHES)
        self._samples = np.ndarray((capacity, _CHANNELS), np.float32, segment.memory, offset)

    @classmethod
    def create(cls, name: str | None = None, capacity: int = _SECONDS * _HIGHEST_RATE) -> SampleRing:
        """Create the shared memory for `capacity` samples per channel."""
        size = _HEADER + RecordRing.size(_STRETCH, _STRETCHES) + capacity * _CHANNELS * 4
        segment = Segment(name, size)
        np.ndarray((2,), np.uint64, segment.memory)[:] = (_MAGIC, capacity)
        return cls(segment, capacity)

    @classmethod
    def attach(cls, name: str) -> SampleRing:
        """Attach to a ring that another process created.

        Raises
        ------
        FileNotFoundError
            If there is no such memory.
        ValueError
            If it is not a sample ring.
        """
        segment = Segment(name)
        magic, capacity = (int(word) for word in np.ndarray((2,), np.uint64, segment.memory).copy())
        if magic != _MAGIC:
            raise ValueError(f"shared memory {name} is not a sample ring")
        return cls(segment, capacity)

    @property
    def written(self) -> int:
        """Samples per channel written since the ring was created."""
        return int(self._written[0])

    @property
    def announced(self) -> int:
        """Samples per channel written or being written."""
        return int(self._announced[0])

    def begin(self, start_s: float, sample_rate: float, channels: int, generation: int = 0) -> None:
        """Begin a stretch whose first sample has stream time `start_s`."""
        stretch = np.array((self.written, start_s, sample_rate, min(channels, _CHANNELS), generation), _STRETCH)
        self.stretches.write(stretch)

    def write(self, samples: np.ndarray) -> None:
        """Append samples, shape (n, channels) with 1 or 2 channels. Only the one writer calls this."""
        for start in range(0, len(samples), self.capacity // 4):
            self._write(samples[start : start + self.capacity // 4])

    def _write(self, samples: np.ndarray) -> None:
        at, count = self.written, len(samples)
        self._announced[0] = at + count
        place = at % self.capacity
        head = min(count, self.capacity - place)
        self._samples[place : place + head] = samples[:head]
        self._samples[: count - head] = samples[head:]
        self._written[0] = at + count

    def copy(self, start: int, count: int) -> np.ndarray:
        """Copy samples from number `start` on, shape (count, 2), whether still valid or not."""
        place = start % self.capacity
        head = min(count, self.capacity - place)
        return np.concatenate([self._samples[place : place + head], self._samples[: count - head]])

    def reader(self) -> SampleReader:
        """Return a reader that begins with the next sample to be written."""
        return SampleReader(self)

    def unlink(self) -> None:
        """Remove the name; whoever is attached stays so. Only the creator calls this."""
        self._segment.unlink()


class SampleReader:
    """One reader's place in a `SampleRing`. Not for two threads at once.

    Attributes
    ----------
    sample_rate : float
        Rate of the block read last, in Hz; 0 before the first.
    generation : int
        Generation of the ears that wrote it.
    """

    def __init__(self, ring: SampleRing) -> None:
        self._ring = ring
        self._next = ring.written
        self.sample_rate = 0.0
        self.generation = 0

    def read(self, most: int | None = None) -> SampleBlock:
        """Return what is new up to the next gap, `most` samples at most; call again until it is empty."""
        ring, lost = self._ring, 0
        written = ring.written
        # An eighth of the ring is left to the writer while we copy.
        oldest = ring.announced - ring.capacity + ring.capacity // 8
        if self._next < ring.announced - ring.capacity:
            lost, self._next = oldest - self._next, oldest
        stretch, end = self._stretch(written)
        if stretch is None:
            lost, self._next = lost + written - self._next, written
            return SampleBlock(np.zeros((0, 1), np.float32), 0.0, lost)
        start, channels, rate = self._next, int(stretch["channels"]), float(stretch["rate"])
        count = min(end - start, most if most is not None else ring.capacity)
        samples = ring.copy(start, count)
        # What the writer overtook while we copied is not to be trusted.
        overtaken = min(count, max(0, ring.announced - ring.capacity - start))
        self._next = start + count
        self.sample_rate, self.generation = rate, int(stretch["generation"])
        start += overtaken
        time_s = float(stretch["start_s"]) + (start - int(stretch["first"])) / rate
        return SampleBlock(np.ascontiguousarray(samples[overtaken:, :channels]), time_s, lost + overtaken)

    def _stretch(self, written: int) -> tuple[np.ndarray | None, int]:
        """Return the stretch in which the next sample lies and the number of the sample after its last."""
        end, ring = written, self._ring.stretches
        for number in range(ring.head - 1, max(-1, ring.head - 1 - _STRETCHES), -1):
            stretch = ring.get(number)
            if stretch is None:
                break
            if int(stretch["first"]) <= self._next:
                return stretch, end
            end = min(end, int(stretch["first"]))
        return None, end
