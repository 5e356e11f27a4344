"""`Timeline`: where sound and pictures fall in a recording. Arithmetic only: no thread, no file, no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

__all__ = ["HasPixels", "Timeline"]

PATIENCE_S, PATIENCE_MOST_S = 0.4, 5.0
"""How long a frame waits for its picture: as long as pictures of late took and some more, within these."""
_SLACK, _FORGET = 1.3, 0.9
STALL_S, FAR_S = 0.5, 1.5
BEHIND_MOST_S = 1.0
GAP_MOST_S = 60.0
_JITTER_SAMPLES = 2
_SILENCE_BLOCK = 48_000


class HasPixels(Protocol):
    """What a recording needs of a picture (`engine.Picture` has it)."""

    @property
    def pixels(self) -> np.ndarray:
        """Red, green, blue; uint8, shape (height, width, 3)."""

    @property
    def time_s(self) -> float:
        """Stream time of the newest sound that shaped it."""


class Timeline:
    """Turns a stream of sound and pictures at uneven times into sound without gaps and evenly spaced frames.

    The sound's stream time is the master clock: file time 0 is the first sample heard, and the frame at file time
    `t` is the newest picture shaped by sound up to `t`, so that a hit and its picture lie exactly as far apart as they
    were made, whatever the model's latency. Gaps of the sound become silence. While no sound comes at all, the host
    clock carries the file on.

    Parameters
    ----------
    fps : float
        Frames per second of the file.
    sample_rate, channels : int
    backlog : int
        Most pictures kept for frames that are not due yet.
    """

    def __init__(self, fps: float, sample_rate: int, channels: int, backlog: int = 32) -> None:
        self._fps, self._rate, self._channels, self._backlog = fps, sample_rate, channels, backlog
        self._origin_s: float | None = None
        self._samples = 0
        self._heard_s: float | None = None
        self._missing_s = 0.0
        self._base_s = 0.0
        self._slots: dict[int, np.ndarray] = {}
        self._waiting: list[HasPixels] = []
        self._newest_slot = -1
        self._current: np.ndarray | None = None
        self._patience_s = PATIENCE_S
        self._next = 0
        self.dropped = 0
        self.skipped = 0

    @property
    def end_s(self) -> float:
        """File time up to which there is sound."""
        return self._samples / self._rate

    @property
    def stalled(self) -> bool:
        """Whether silence stands in because no sound comes."""
        return self._origin_s is not None and self.end_s > self._base_s

    def add_sound(self, samples: np.ndarray, start_s: float, now_s: float) -> Iterator[tuple[np.ndarray, int]]:
        """Place a block and yield what is to be written: (samples float32 (n, channels), number of the first).

        Parameters
        ----------
        samples : ndarray of float32, shape (n, channels)
        start_s : float
            Stream time of its first sample.
        now_s : float
            Host clock.
        """
        if self._origin_s is None:
            self._begin(start_s)
        assert self._origin_s is not None
        ahead = round((start_s - self._origin_s) * self._rate) - self._samples
        if ahead > GAP_MOST_S * self._rate or ahead < -_JITTER_SAMPLES:
            # Either stream time stood still while silence was written, or it leapt (the machine was asleep).
            self._origin_s = start_s - self._samples / self._rate
            self._bring_near()
        elif ahead > _JITTER_SAMPLES:
            yield from self._silence(ahead)
        yield _with_channels(samples, self._channels), self._samples
        self._samples += len(samples)
        self._heard_s, self._base_s, self._missing_s = now_s, self.end_s, 0.0

    def wait_for_sound(self, now_s: float) -> Iterator[tuple[np.ndarray, int]]:
        """Yield silence to be written if no sound has come for long; to be called when there was none to add."""
        if self._heard_s is None:
            self._heard_s = now_s
        missing_s = now_s - self._heard_s - STALL_S
        if missing_s - self._missing_s > GAP_MOST_S:
            # The machine was asleep, or the program stopped: that is no silence.
            self._heard_s += missing_s - self._missing_s
            missing_s = self._missing_s
        self._missing_s = max(missing_s, 0.0)
        if missing_s <= 0:
            return
        if self._origin_s is None:
            self._begin(self._waiting[-1].time_s if self._waiting else 0.0)
        # Half a second behind the clock, so that sound which does come back finds its own place still free.
        yield from self._silence(round((self._base_s + missing_s) * self._rate) - self._samples)

    def _silence(self, count: int) -> Iterator[tuple[np.ndarray, int]]:
        while count > 0:
            part = min(count, _SILENCE_BLOCK)
            yield np.zeros((part, self._channels), np.float32), self._samples
            self._samples += part
            count -= part

    def _begin(self, origin_s: float) -> None:
        self._origin_s = origin_s
        waiting, self._waiting = self._waiting, []
        for picture in waiting:
            self.add_picture(picture)

    def add_picture(self, picture: HasPixels) -> None:
        """Place a picture; of several for one frame the newest is kept."""
        if self._origin_s is None:
            self._waiting = [*self._waiting[-3:], picture]
            return
        stamp_s = picture.time_s - self._origin_s
        if self.stalled:
            if stamp_s > self.end_s + FAR_S:
                # Where stream time stood was not known when silence began.
                self._origin_s += stamp_s - self.end_s
                stamp_s = self.end_s
            stamp_s = max(stamp_s, self.end_s)
        late_s = self.end_s - stamp_s
        self._patience_s = min(max(_SLACK * late_s, _FORGET * self._patience_s, PATIENCE_S), PATIENCE_MOST_S)
        # A stamp on a frame belongs to that frame, also when it was rounded up in the last digit.
        slot = max(math.ceil(stamp_s * self._fps - 1e-6), self._next, self._newest_slot)
        self._newest_slot = slot
        self._slots[slot] = picture.pixels
        if len(self._slots) > self._backlog:
            del self._slots[min(self._slots)]
            self.dropped += 1

    def _bring_near(self) -> None:
        """Place pictures that lie beyond the sound at its end: stream time is another now, and theirs never comes."""
        end = max(math.ceil(self.end_s * self._fps), self._next)
        if beyond := [slot for slot in self._slots if slot > end]:
            near = {slot: pixels for slot, pixels in self._slots.items() if slot < end}
            self._slots = near | {end: self._slots[max(beyond)]}
        self._newest_slot = min(self._newest_slot, end)

    def due_frames(self, *, final: bool = False, most: int = 16) -> Iterator[tuple[np.ndarray | None, int]]:
        """Yield the frames that can no longer change: (pixels, or None for black; number of the frame).

        Parameters
        ----------
        final : bool
            No picture will come any more: yield every frame up to the end of the sound.
        most : int
            At most so many, unless `final`.
        """
        behind = self.end_s - self._next / self._fps
        if behind > BEHIND_MOST_S + self._patience_s and not final:
            catch_up = math.floor((self.end_s - self._patience_s) * self._fps)
            self.skipped += catch_up - self._next
            self._next = catch_up
        count = 0
        while (final or count < most) and self._next / self._fps < self.end_s:
            settled = self._newest_slot > self._next and (self._current is not None or self._next in self._slots)
            if not (final or settled or self._next / self._fps <= self.end_s - self._patience_s):
                return
            for slot in sorted(s for s in self._slots if s <= self._next):
                self._current = self._slots.pop(slot)
            # Before the first picture, the first one to come is better than a flash of black.
            shown = self._current if self._current is not None else self._first_to_come()
            yield shown, self._next
            self._next += 1
            count += 1

    def _first_to_come(self) -> np.ndarray | None:
        return self._slots[min(self._slots)] if self._slots else None


def _with_channels(samples: np.ndarray, channels: int) -> np.ndarray:
    have = samples.shape[1]
    if have == channels:
        return samples
    if have > channels:
        return samples[:, :channels]
    return np.concatenate([samples, np.repeat(samples[:, -1:], channels - have, axis=1)], axis=1)
