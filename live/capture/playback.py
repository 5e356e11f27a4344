"""Files, the demo track and silence, in real time: paced by the output they are heard through, or by the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from analysis.timing import check_rate
from bentlight.clock import now_s
from bentlight.errors import BentlightError, DeviceMissing
from bentlight.paths import for_soundfile
from live.capture.channels import channels_heard
from live.capture.devices import Device, find_output, heard_rate, outputs
from live.capture.intake import Intake
from live.capture.output import BLOCK, OutputPacer
from live.sound_file import DamagedSound, measure

__all__ = ["ClockPacer", "FileSource", "SilenceSource", "file_blocks"]

_READ = 8192
_AGAIN_S = 3.0
_PATIENCE_S = 1.0
_LATE_S = 1.0


def file_blocks(
    path: Path,
    *,
    sample_rate: float | None,
    loop: bool,
    position_s: float = 0.0,
    block: int = BLOCK,
    damaged: Callable[[float], None] | None = None,
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
    damaged : callable, optional
        Called with the place in s from which on the file cannot be read, which is then the end of it.
    """
    import soundfile
    import soxr

    with soundfile.SoundFile(for_soundfile(path)) as file:
        file.seek(min(max(0, round(position_s * file.samplerate)), file.frames))
        converter = None
        if sample_rate is not None and round(sample_rate) != file.samplerate:
            converter = soxr.ResampleStream(file.samplerate, round(sample_rate), file.channels, dtype="float32")
        left = np.zeros((0, file.channels), np.float32)
        while True:
            at = file.tell()
            try:
                part = file.read(_READ, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                # Damaged from here on: what came before was played, and this is the end of it.
                part, loop = np.zeros((0, file.channels), np.float32), False
                if damaged is not None:
                    damaged(at / file.samplerate)
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
        self.intake = Intake(self.sample_rate, 1, BLOCK)
        self._pacer = ClockPacer(self._zeros(), self.sample_rate, self.intake.put, lambda: None)
        self._pacer.start()

    @property
    def farewell(self) -> str:
        """What to say once it is over, which silence never is."""
        return ""

    @staticmethod
    def _zeros() -> Iterator[np.ndarray]:
        block = np.zeros((BLOCK, 1), np.float32)
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

    Muted, or where there is no output, the clock paces it at the file's own rate. When the output goes away the clock
    takes over at the rate there was, until an output plays again at that rate: the same sound, heard or not.

    Parameters
    ----------
    path : Path
    resolved : str
        How to name it again.
    loop, mute : bool
    position_s : float
        Where to begin.
    channels : tuple of int
        Channels that will be listened to, counted from 1; empty for the first two. What is played is the first two.
    insist : bool
        Refuse a file without these channels; otherwise its first two are listened to, and `note` says so.
    """

    def __init__(
        self,
        path: Path,
        resolved: str,
        *,
        loop: bool,
        mute: bool,
        position_s: float = 0.0,
        channels: tuple[int, ...] = (),
        insist: bool = True,
    ) -> None:
        self.name, self.resolved = path.name if resolved != "demo" else "demo", resolved
        self._path, self._loop, self._mute = path, loop, mute
        self._start_s, self._played = position_s, 0
        self._wanted, self._insist, self._told = channels, insist, ""
        self._damaged_s: float | None = None
        self._output: OutputPacer | None = None
        self._pacer: ClockPacer | None = None
        self._regaining: threading.Thread | None = None
        self._closing = threading.Event()
        self.sample_rate, self.note = 0.0, ""
        self.gone = self.ended = False

    def open(self) -> None:
        """Begin to play.

        Raises
        ------
        BadInput
            If the file cannot be read as sound, has not the channels asked for, or has a rate that cannot be heard and
            no output that resamples it.
        """
        about = measure(self._path)
        self._duration_s, self._channels = about.duration_s, about.channels
        _, self._told = channels_heard(self.name, about.channels, self._wanted, insist=self._insist)
        self.note = self._told
        self.sample_rate = float(about.sample_rate)
        if self._mute or not self._open_output():
            check_rate(self.sample_rate)
            self.intake = Intake(self.sample_rate, self._channels, BLOCK)
            self._pace_by_clock()

    def _open_output(self) -> bool:
        try:
            device = find_output(outputs(refresh=True))
        except BentlightError as error:
            self.note = str(error)
            return False
        rate, self.sample_rate = self.sample_rate, heard_rate(device)
        self.intake = Intake(self.sample_rate, self._channels, BLOCK)
        try:
            output = self._through(device)
            self._start(output)
        except DeviceMissing:
            self.sample_rate = rate
            self.note = f"The sound output '{device.name}' cannot be opened; {self.name} plays on in time, unheard."
            return False
        return True

    def _through(self, device: Device) -> OutputPacer:
        return OutputPacer(device, self.sample_rate, self._put, self._over, self._late)

    def _start(self, output: OutputPacer) -> None:
        try:
            output.start(self._rest())
        except DeviceMissing:
            output.stop()
            raise
        self._output = output

    def _rest(self) -> Iterator[np.ndarray]:
        at_s = self.position_s()
        return file_blocks(
            self._path, sample_rate=self.sample_rate, loop=self._loop, position_s=at_s, damaged=self._see_damage
        )

    def _see_damage(self, good_s: float) -> None:
        self._damaged_s = good_s

    def _put(self, block: np.ndarray, at_s: float) -> None:
        self.intake.put(block, at_s)
        self._played += len(block)

    def _over(self) -> None:
        self.ended = True

    def _late(self) -> None:
        self.intake.xruns += 1

    def _pace_by_clock(self) -> None:
        self._pacer = ClockPacer(self._rest(), self.sample_rate, self._put, self._over)
        self._pacer.start()

    def poll(self) -> None:
        """Let the clock take over when the output went away, and begin to try for one again."""
        lost = self._output
        if lost is None or not lost.gone or self.ended:
            return
        self._output = None
        self.note = f"The sound output is gone; {self.name} plays on in time, unheard until there is one again."
        self._pace_by_clock()
        self._regaining = threading.Thread(target=self._regain, args=(lost,), name="output", daemon=True)
        self._regaining.start()

    def _regain(self, lost: OutputPacer) -> None:
        """Try every few seconds to play through an output again, in a thread: PortAudio's look takes its time."""
        lost.stop()
        while not self._closing.wait(_AGAIN_S) and not self.ended:
            if not lost.closed:
                # PortAudio sees a new device only when started anew, which must not be while it has a stream.
                continue
            try:
                device = find_output(outputs(refresh=True))
                output = self._through(device)
            except BentlightError:
                continue
            if self._hand_over(output):
                return

    def _hand_over(self, output: OutputPacer) -> bool:
        """Let `output` go on where the clock has come to; False, and the clock goes on, where it does not start."""
        assert self._pacer is not None
        self._pacer.stop()
        try:
            self._start(output)
            self.note = self._told
        except DeviceMissing:
            self._pace_by_clock()
        if self._closing.is_set():
            # `close` does not wait for ever: what it did not see begin ends here.
            self._end()
        return self._output is not None

    @property
    def farewell(self) -> str:
        """What to say once it has ended."""
        return f"{self.name} is over." if self._damaged_s is None else str(DamagedSound(self._path, self._damaged_s))

    def position_s(self) -> float:
        """Place in the file in seconds."""
        at_s = self._start_s + self._played / self.sample_rate if self.sample_rate else self._start_s
        return at_s % self._duration_s if self._loop else at_s

    def close(self) -> None:
        """Stop playing."""
        self._closing.set()
        if self._regaining is not None:
            # It may be opening an output, and then ends that itself if it takes longer.
            self._regaining.join(_PATIENCE_S)
        self._end()

    def _end(self) -> None:
        if self._pacer is not None:
            self._pacer.stop()
        if self._output is not None:
            self._output.stop()
            self._output = None
