"""`Recorder`: records what is played, pictures and sound, in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from bentlight.clock import now_s
from bentlight.errors import BadInput
from live.one_rate import OneRate
from live.timeline import HasPixels, Timeline
from live.video import VideoWriter

__all__ = ["Recorder", "RecorderStatus", "SampleReader"]

_BACKLOG_BYTES = 64 << 20
_POLL_S = 0.01
_READINGS_MOST = 1000


class SampleReader(Protocol):
    """A reader's own place in the ring of samples (`live.capture.sample_ring` has it)."""

    @property
    def sample_rate(self) -> float:
        """Rate of the block read last, in Hz; it may change when another input is chosen."""

    def read(self) -> tuple[np.ndarray, float, int]:
        """Return what is new: samples float32 (n, channels), stream time of the first in s, samples lost before it."""


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """How a recording stands.

    Attributes
    ----------
    seconds : float
        Length of the sound in the file.
    frames : int
        Frames written.
    dropped : int
        Pictures that came faster than they could be encoded and are not in the file.
    skipped : int
        Frames left out for the same reason; the one before stands longer.
    samples_lost : int
        Samples that were silence because the recorder came too late for them.
    error : str
        Why the recording has ended by itself; empty while all is well.
    """

    seconds: float = 0.0
    frames: int = 0
    dropped: int = 0
    skipped: int = 0
    samples_lost: int = 0
    error: str = ""


class Recorder:
    """Writes a video of constant frame rate from pictures of any rate and the sound they were made from.

    Parameters
    ----------
    path : str or Path
        ``.mkv`` or ``.mp4``.
    fps : float
        Frames per second of the file.
    size : (int, int)
        Width and height of the video in pixels; pictures of another size are scaled.
    samples : SampleReader
        Where the sound is read. Recording begins with its first sample.
    sample_rate, channels : int
        Of the sound in the file; sound that comes at another rate later is resampled.
    clock : callable
        Host clock in seconds.

    Raises
    ------
    BadInput
        If the file cannot be written.

    Notes
    -----
    After a kill or a power cut the file lacks at most the last second, or one and a half times as long as a picture
    takes. When the disk fills up, recording ends with `RecorderStatus.error` set and what was written stays playable.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: float = 30,
        size: tuple[int, int],
        samples: SampleReader,
        sample_rate: int,
        channels: int,
        clock: Callable[[], float] = now_s,
    ) -> None:
        if sample_rate <= 0 or channels <= 0:
            raise BadInput(f"{path} cannot be recorded before a sound input is open; wait for it or choose another.")
        self.path = Path(path)
        self._samples, self._clock = samples, clock
        width, height = size
        self._writer = VideoWriter(self.path, width, height, fps, sample_rate, channels)
        backlog = max(4, min(64, _BACKLOG_BYTES // (width * height * 3)))
        self._timeline = Timeline(fps, sample_rate, channels, backlog)
        self._one_rate = OneRate(sample_rate)
        self._offered: deque[HasPixels] = deque(maxlen=backlog)
        self._black = np.zeros((height, width, 3), np.uint8)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._overflowed = 0
        self._frames = 0
        self._lost = 0
        self._error = ""

    def start(self) -> Recorder:
        """Begin."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="recorder", daemon=True)
            self._thread.start()
        return self

    def offer(self, picture: HasPixels) -> None:
        """Hand over a new picture; returns at once, from any thread. Its pixels must not change afterwards."""
        if self._error or self._stopping.is_set():
            return
        if len(self._offered) == self._offered.maxlen:
            self._overflowed += 1
        self._offered.append(picture)

    @property
    def finished(self) -> bool:
        """Whether nothing will be written any more."""
        return self._stopping.is_set() and not (self._thread is not None and self._thread.is_alive())

    def stop(self, timeout_s: float | None = 15.0) -> RecorderStatus:
        """End the recording, finish the file and return how it went; calling it again only returns that.

        After `timeout_s` (None: never) it says that the file is still being finished; that goes on.
        """
        self._stopping.set()
        if self._thread is None:
            self._finish()
        else:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                # Not this recording's end: the thread goes on and may still finish it.
                return replace(self.status(), error=f"{self.path} is still being finished; the disk is very slow.")
        return self.status()

    def status(self) -> RecorderStatus:
        """Return how the recording stands."""
        timeline = self._timeline
        return RecorderStatus(
            timeline.end_s,
            self._frames,
            timeline.dropped + self._overflowed,
            timeline.skipped,
            self._lost,
            self._error,
        )

    def step(self, *, final: bool = False) -> bool:
        """Write what is due, and return whether anything was; the thread does nothing else.

        Raises
        ------
        BadInput
            If the file can no longer be written.
        """
        now = self._clock()
        block, start_s, lost = self._samples.read()
        self._lost += lost
        samples = block
        if len(block):
            samples, start_s = self._one_rate.convert(block, start_s, self._samples.sample_rate)
        timeline = self._timeline
        blocks = timeline.add_sound(samples, start_s, now) if len(block) else timeline.wait_for_sound(now)
        for part, start in blocks:
            self._writer.write_sound(part, start)
        # Popped one by one: the render thread goes on appending meanwhile.
        for _ in range(len(self._offered)):
            timeline.add_picture(self._offered.popleft())
        written = 0
        for pixels, index in timeline.due_frames(final=final):
            self._writer.write_picture(self._black if pixels is None else pixels, index)
            written += 1
        self._frames += written
        return bool(len(block) or written)

    def _loop(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self.step():
                    self._stopping.wait(_POLL_S)
        except BadInput as error:
            self._error = str(error)
        except Exception as error:
            self._error = f"{self.path}: recording ended by a fault of ours ({type(error).__name__}: {error})."
        self._finish()

    def _finish(self) -> None:
        try:
            if not self._error:
                # A reading ends at a gap, and there may be several left.
                for _ in range(_READINGS_MOST):
                    if not self.step(final=True):
                        break
            self._writer.close()
        except BadInput as error:
            self._error = self._error or str(error)
        except Exception as error:
            self._error = self._error or f"{self.path} could not be finished ({type(error).__name__}: {error})."
        self._offered.clear()
