"""What the ears can listen to: a sound device, a file, the demo track, silence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bentlight.clock import now_s
from bentlight.errors import BadInput, DeviceMissing
from live.capture.channels import channels_heard
from live.capture.closing import close_stream
from live.capture.control_block import Command, check_source
from live.capture.demo import demo_path
from live.capture.devices import find_input, heard_rate, inputs, portaudio
from live.capture.intake import Intake
from live.capture.playback import FileSource, SilenceSource
from live.sound_file import measure

__all__ = ["DeviceSource", "Source", "Wanted", "make_source", "parse_source"]

_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source as asked for.

    Attributes
    ----------
    kind : {"device", "file", "demo", "silence"}
    what : str
        Path of the file, or the device as `live.capture.devices.find_input` reads it.
    """

    kind: str
    what: str = ""


def parse_source(text: str) -> Wanted:
    """Read ``default | NAME | INDEX | device:NAME | file:PATH | demo | silence``.

    Raises
    ------
    BadInput
        If it is empty or too long, or the file is not there or cannot be read as sound.
    """
    # A name is typed; a path may well end in a space.
    text = text.lstrip() if text.lstrip().startswith("file:") else text.strip()
    if not text:
        raise BadInput("No sound input is named; use default, a name, an index, file:PATH, demo or silence.")
    check_source(text)
    if text in ("demo", "silence"):
        return Wanted(text)
    if text.startswith("file:"):
        path = Path(text.removeprefix("file:"))
        # Without such a user there is no such file either.
        with contextlib.suppress(RuntimeError):
            path = path.expanduser()
        if not os.path.isfile(path):
            raise BadInput(f"{path} is not a file; give the path of a sound file after 'file:'.")
        # The ears name it so from then on.
        check_source(f"file:{path.absolute()}")
        measure(path)
        return Wanted("file", str(path.absolute()))
    return Wanted("device", text)


class Source(Protocol):
    """Something that puts sound into an `Intake`.

    Attributes
    ----------
    name : str
        For people.
    resolved : str
        The source as a string which finds the same thing again, a device by its name.
    intake : Intake
        Where the sound arrives, once opened.
    sample_rate : float
    note : str
        Something the performer should know though sound is running, in one sentence; or empty.
    gone : bool
        The device ended by itself.
    ended : bool
        The file is over.
    farewell : str
        What to say then.
    """

    name: str
    resolved: str
    intake: Intake
    sample_rate: float
    note: str
    gone: bool
    ended: bool

    @property
    def farewell(self) -> str: ...

    def open(self) -> None:
        """Begin. Raises a BentlightError when that is not possible."""
        ...

    def poll(self) -> None:
        """Called often by the loop that takes the sound; for what must not be done in a callback."""
        ...

    def position_s(self) -> float:
        """Place in a file in seconds, 0 for anything else."""
        ...

    def close(self) -> None:
        """End. Must return within about a second, whatever the sound server does."""
        ...


def make_source(command: Command, before: Collection[str] = ()) -> Source:
    """Return the source a command asks for, not opened yet. Raises BadInput as `parse_source`.

    Parameters
    ----------
    command : Command
    before : collection of str, optional
        Names of the inputs as last listed.
    """
    wanted = parse_source(command.source)
    if wanted.kind == "silence":
        return SilenceSource()
    if wanted.kind == "demo":
        # Where it is played for want of an input, no channels of it were asked for.
        return FileSource(demo_path(), "demo", loop=True, mute=command.mute, position_s=command.position_s)
    if wanted.kind == "file":
        path = Path(wanted.what)
        resolved = f"file:{path}"
        return FileSource(
            path,
            resolved,
            loop=command.loop,
            mute=command.mute,
            position_s=command.position_s,
            channels=command.channels,
            insist=command.insist,
        )
    return DeviceSource(wanted.what, command.channels, insist=command.insist, before=before)


class DeviceSource:
    """A microphone, line input or virtual cable through PortAudio, at the device's native rate.

    Parameters
    ----------
    wanted : str
        As `live.capture.devices.find_input` reads it.
    channels : tuple of int
        Channels that will be listened to, counted from 1; empty for the first two.
    insist : bool, optional
        Refuse a device without these channels; otherwise its first two are listened to, and `note` says so.
    before : collection of str, optional
        As `live.capture.devices.find_input` takes it.
    clock : callable, optional
    """

    def __init__(
        self,
        wanted: str,
        channels: tuple[int, ...],
        *,
        insist: bool = True,
        before: Collection[str] = (),
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._wanted, self._channels, self._insist = wanted, channels, insist
        self._before, self._clock = before, clock
        self._stream: Any = None
        self._closing = False
        self.name, self.resolved = wanted, wanted
        self.sample_rate = 0.0
        self.note = ""
        self.gone = self.ended = False

    def open(self) -> None:
        """Look the device up anew and begin to listen.

        Raises
        ------
        BentlightError
            If it is not there, cannot be opened, or has too few channels.
        """
        # A refresh, because PortAudio otherwise knows only the devices of its first look.
        device = find_input(self._wanted, inputs(refresh=True), self._before)
        sounddevice = portaudio()
        self.name, self.resolved = device.name, f"device:{device.name}"
        count, self.note = channels_heard(device.name, device.channels, self._channels, insist=self._insist)
        self.sample_rate = heard_rate(device)
        block = _BLOCK if self.sample_rate <= 64_000 else 2 * _BLOCK
        self.intake = Intake(self.sample_rate, count, block)
        try:
            self._stream = sounddevice.InputStream(
                device=device.index,
                channels=count,
                samplerate=self.sample_rate,
                blocksize=block,
                dtype="float32",
                latency="low",
                callback=self._callback,
                finished_callback=self._finished,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            reason = str(error.args[0]) if error.args else str(error)
            raise DeviceMissing(
                f"The sound input '{device.name}' cannot be opened ({reason}); is another program using it?"
            ) from error

    def _callback(self, indata: np.ndarray, frames: int, time: Any, status: Any) -> None:
        # An exception would end the stream, so nothing may leave here.
        try:
            self.intake.put(indata, self._clock())
            if status:
                self.intake.xruns += 1
        except Exception:
            self.intake.xruns += 1

    def _finished(self) -> None:
        self.gone = not self._closing

    @property
    def farewell(self) -> str:
        """What to say once it is gone for good, which no device is."""
        return ""

    def poll(self) -> None:
        """Nothing to do."""

    def position_s(self) -> float:
        """Return 0."""
        return 0.0

    def close(self) -> None:
        """Close the stream; when the sound server hangs, leave that to a thread of its own after a second."""
        self._closing = True
        stream, self._stream = self._stream, None
        if stream is not None:
            close_stream(stream)
