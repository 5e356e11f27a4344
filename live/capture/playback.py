"""Files, the demo track and silence, in real time: paced by the output they are heard through, or by the clock."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from analysis.timing import check_rate
from bentlight.clock import now_s
from bentlight.errors import BentlightError
from live.capture.closing import close_stream
from live.capture.intake import Intake
from live.sound_file import measure

__all__ = ["ClockPacer", "FileSource", "SilenceSource", "file_blocks"]

_BLOCK = 256
_AHEAD = 64
_READ = 8192
_LATE_S = 1.0


def file_blocks(
    path: Path, *, sample_rate: float | None, loop: bool, position_s: float = 0.0, block: int = _BLOCK
) -> Iterator[np.ndarray]:
    """Read a sound file as blocks of float32, shape (block, channels); the last is filled up with zeros.

    Parameters
    ----------
    path : Path
    sample_rate : float or None
        Rate to convert to; None keeps the file's.
    loop : bool
        Begin again at the end, for ever.
    position_s : float
        Where to begin.
    """
    import soundfile
    import soxr

    with soundfile.SoundFile(str(path)) as file:
        file.seek(min(max(0, round(position_s * file.samplerate)), file.frames))
        converter = None
        if sample_rate is not None and round(sample_rate) != file.samplerate:
            converter = soxr.ResampleStream(file.samplerate, round(sample_rate), file.channels, dtype="float32")
        left = np.zeros((0, file.channels), np.float32)
        while True:
            try:
                part = file.read(_READ, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                # Damaged from here on: what came before was played, and this is the end of it.
                part, loop = np.zeros((0, file.channels), np.float32), False
            over = len(part) < _READ
            if over and loop:
                file.seek(0)
            finished = over and (not loop or file.frames == 0)
            if converter is not None:
                part = converter.resample_chunk(np.ascontiguousarray(part), last=finished)
            left = np.concatenate([left, part.reshape(-1, file.channels)])
            whole = len(left) // block * block
            for start in range(0, whole, block):
                yield left[start : start + block]
            left = left[whole:]
            if finished:
                break
        if len(left):
            yield np.concatenate([left, np.zeros((block - len(left), left.shape[1]), np.float32)])


class ClockPacer:
    """Hands blocks over at the rate at which a sound card would.

    Parameters
    ----------
    blocks : iterator of ndarray
    sample_rate : float
    put : callable
        Called with (block, host clock).
    done : callable
        Called when the blocks are over.
    clock, wait : callable, optional
        Host clock in seconds; and a function that waits for some seconds and says whether to stop.
    """

    def __init__(
        self,
        blocks: Iterator[np.ndarray],
        sample_rate: float,
        put: Callable[[np.ndarray, float], None],
        done: Callable[[], None],
        *,
        clock: Callable[[], float] = now_s,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._blocks, self._rate, self._put, self._done = blocks, sample_rate, put, done
        self._stop = threading.Event()
        self._clock, self._wait = clock, wait or self._stop.wait
        self._thread = threading.Thread(target=self.run, name="clock pacer", daemon=True)

    def start(self) -> None:
        """Begin in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def run(self) -> None:
        """Hand over all blocks in time, then say so; each when its last sample would have been heard."""
        due_s = self._clock()
        for block in self._blocks:
            due_s += len(block) / self._rate
            early_s = due_s - self._clock()
            if early_s < -_LATE_S:
                # The machine slept: go on from now instead of rushing through what was missed.
                due_s, early_s = due_s - early_s, 0.0
            if self._wait(max(0.0, early_s)):
                return
            self._put(block, self._clock())
        self._done()


class SilenceSource:
    """Exact zeros at 48 kHz, paced by the clock."""

    def __init__(self) -> None:
        self.name = self.resolved = "silence"
        self.sample_rate = 48_000.0
        self.note = ""
        self.gone = self.ended = False

    def open(self) -> None:
        """Begin."""
        self.intake = Intake(self.sample_rate, 1, _BLOCK)
        self._pacer = ClockPacer(self._zeros(), self.sample_rate, self.intake.put, lambda: None)
        self._pacer.start()

    @staticmethod
    def _zeros() -> Iterator[np.ndarray]:
        block = np.zeros((_BLOCK, 1), np.float32)
        while True:
            yield block

    def poll(self) -> None:
        """Nothing to do."""

    def position_s(self) -> float:
        """Return 0."""
        return 0.0

    def close(self) -> None:
        """End."""
        self._pacer.stop()


class FileSource:
    """A sound file, heard through the default output, which then paces it.

    Muted, or where there is no output, the clock paces it at the file's own rate; so it does from there on when
    the output goes away.

    Parameters
    ----------
    path : Path
    resolved : str
        How to name it again.
    loop, mute : bool
    position_s : float
        Where to begin.
    """

    def __init__(self, path: Path, resolved: str, *, loop: bool, mute: bool, position_s: float = 0.0) -> None:
        self.name, self.resolved = path.name if resolved != "demo" else "demo", resolved
        self._path, self._loop, self._mute = path, loop, mute
        self._start_s, self._played = position_s, 0
        self._stream: Any = None
        self._pacer: ClockPacer | None = None
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._lost_output = False
        self.sample_rate, self.note = 0.0, ""
        self.gone = self.ended = False

    def open(self) -> None:
        """Begin to play.

        Raises
        ------
        BadInput
            If the file cannot be read as sound, or has a rate that cannot be heard and no output that resamples it.
        """
        about = measure(self._path)
        self._duration_s, self._channels = about.duration_s, about.channels
        self.sample_rate = float(about.sample_rate)
        if self._mute or not self._open_output():
            check_rate(self.sample_rate)
            self.intake = Intake(self.sample_rate, self._channels, _BLOCK)
            self._pace_by_clock(file_blocks(self._path, sample_rate=None, loop=self._loop, position_s=self._start_s))

    def _open_output(self) -> bool:
        from live.capture.devices import find_output, outputs, portaudio

        try:
            device = find_output(outputs(refresh=True))
        except BentlightError as error:
            self.note = str(error)
            return False
        sounddevice = portaudio()
        rate, self.sample_rate = self.sample_rate, device.sample_rate
        self.intake = Intake(self.sample_rate, self._channels, _BLOCK)
        blocks = file_blocks(self._path, sample_rate=self.sample_rate, loop=self._loop, position_s=self._start_s)
        for block in itertools.islice(blocks, _AHEAD // 2):
            self._queue.put(block)
        self._blocks = blocks
        try:
            # The low latency of an output under-runs too easily beside a renderer that uses the whole machine.
            self._stream = sounddevice.OutputStream(
                device=device.index,
                channels=min(2, device.channels),
                samplerate=self.sample_rate,
                blocksize=_BLOCK,
                dtype="float32",
                latency="high",
                callback=self._callback,
                finished_callback=self._finished,
            )
            threading.Thread(target=self._read_ahead, name="file reader", daemon=True).start()
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError):
            self._stopping.set()
            self._stopping, self._queue = threading.Event(), queue.Queue(_AHEAD)
            self._stream, self.sample_rate = None, rate
            self.note = f"The sound output '{device.name}' cannot be opened; {self.name} plays on in time, unheard."
            return False
        return True

    def _read_ahead(self) -> None:
        stopping, waiting = self._stopping, self._queue
        for block in itertools.chain(self._blocks, [None]):
            while not stopping.is_set():
                try:
                    waiting.put(block, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if stopping.is_set():
                return

    def _callback(self, outdata: np.ndarray, frames: int, time: Any, status: Any) -> None:
        # An exception would end the stream, so nothing may leave here.
        try:
            outdata.fill(0.0)
            if self.ended:
                return
            block = self._queue.get_nowait()
            if block is None:
                self.ended = True
                return
            width = outdata.shape[1]
            outdata[: len(block)] = block[:, :width] if block.shape[1] >= width else block[:, :1]
            self._put(block, now_s())
            if status:
                self.intake.xruns += 1
        except queue.Empty:
            self.intake.xruns += 1
        except Exception:
            self.intake.xruns += 1

    def _finished(self) -> None:
        self._lost_output = not self._stopping.is_set()

    def _put(self, block: np.ndarray, at_s: float) -> None:
        self.intake.put(block, at_s)
        self._played += len(block)

    def _pace_by_clock(self, blocks: Iterator[np.ndarray]) -> None:
        self._pacer = ClockPacer(blocks, self.sample_rate, self._put, self._over)
        self._pacer.start()

    def _over(self) -> None:
        self.ended = True

    def poll(self) -> None:
        """Let the clock take over when the output went away."""
        if self._lost_output and not self.ended:
            self._lost_output = False
            self.note = f"The sound output is gone; {self.name} plays on in time, unheard."
            self._stopping.set()
            rest = file_blocks(self._path, sample_rate=self.sample_rate, loop=self._loop, position_s=self.position_s())
            self._pace_by_clock(rest)

    def position_s(self) -> float:
        """Place in the file in seconds."""
        at_s = self._start_s + self._played / self.sample_rate if self.sample_rate else self._start_s
        return at_s % self._duration_s if self._loop else at_s

    def close(self) -> None:
        """Stop playing."""
        self._stopping.set()
        if self._pacer is not None:
            self._pacer.stop()
        stream, self._stream = self._stream, None
        if stream is not None:
            close_stream(stream)
