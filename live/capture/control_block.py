"""`ControlBlock`: what the ears are asked for, and how they say they are; the latest value wins both ways."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, fields

import numpy as np

from analysis.bars import METRE
from analysis.loudness import GATE_DB
from bentlight.errors import BadInput
from live.capture.shared import RecordRing, Segment

__all__ = ["TAPS_KEPT", "Command", "ControlBlock", "Report", "check_source"]

_SLOTS = 4
TAPS_KEPT = 8
_MOST_CHANNELS = 16


@dataclass(frozen=True, slots=True)
class Command:
    """What the parent asks of the ears.

    Attributes
    ----------
    source : str
        As `live.capture.sources.parse_source` reads it.
    serial : int
        Changes when the source is to be opened anew.
    channels : tuple of int
        Input channels counted from 1; empty for the first two.
    insist : bool
        Refuse a device that has too few channels; otherwise its first two are heard.
    gain_db : float
        NaN means automatic.
    mute, loop : bool
        Of a file: not to be heard; begins again at its end.
    position_s : float
        Where in a file to begin.
    taps : int
        Taps so far.
    tap_s : tuple of float
        Host clock of the last eight, oldest first: what the ears have not looked at yet must not run into one.
    nudged : float
        Beats by which the beat was nudged so far.
    downbeats : int
        Downbeats tapped so far.
    downbeat_s : float
        Host clock of the last of them.
    metre : int
        Beats in a bar.
    tempo_bpm : float
        Tempo to hold; 0 follows what is heard.
    clock_bpm, clock_phase : float
        An outside clock's tempo, 0 for none, and its place in the beat.
    clock_s : float
        Host clock when it was there.
    gate_db : float
        Level after gain below which there is no sound.
    onset_method : str
        As `analysis.live.LiveAnalyzer` takes it; heeded when a source is opened.
    stop : bool
    """

    source: str = "silence"
    serial: int = 0
    channels: tuple[int, ...] = ()
    gain_db: float = math.nan
    mute: bool = False
    loop: bool = False
    position_s: float = 0.0
    taps: int = 0
    tap_s: tuple[float, ...] = ()
    nudged: float = 0.0
    downbeats: int = 0
    downbeat_s: float = 0.0
    metre: int = METRE
    tempo_bpm: float = 0.0
    clock_bpm: float = 0.0
    clock_phase: float = 0.0
    clock_s: float = 0.0
    gate_db: float = GATE_DB
    onset_method: str = "auto"
    stop: bool = False
    insist: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """How the ears say they are, about twenty times a second.

    Attributes
    ----------
    state : str
        ``starting``, ``running``, ``lost``, ``ended`` or ``failed``.
    message : str
        One sentence, or empty.
    device : str
        What is listened to, for people.
    source : str
        The source as resolved: a device by its name, never by its index.
    serial : int
        Serial of the command this is about.
    inputs : str
        Names of all sound inputs, one per line, as last listed.
    sample_rate : float
    channels : int
        Channels in the sample ring.
    generation : int
    loop_s : float
        Host clock of this report: the heartbeat.
    sound_s : float
        Host clock of the last block of sound, or of the opening before the first.
    position_s : float
        Place in the file played.
    gain_db : float
    xruns : int
        Blocks that arrived damaged or too late to be kept.
    silent : bool
        Only exact zeros have come for five seconds.
    """

    state: str = "starting"
    message: str = ""
    device: str = ""
    source: str = ""
    serial: int = 0
    inputs: str = ""
    sample_rate: float = 0.0
    channels: int = 0
    generation: int = 0
    loop_s: float = 0.0
    sound_s: float = 0.0
    position_s: float = 0.0
    gain_db: float = 0.0
    xruns: int = 0
    silent: bool = False


_SIZES = {"source": 1024, "message": 512, "device": 256, "inputs": 4096, "state": 16, "onset_method": 16}
_ANY_NAME = sys.getfilesystemencodeerrors()
"""The name of a file need not be Unicode."""
_TYPES = {"int": "i8", "float": "f8", "bool": "?"}
_LISTS = {"channels": ("u1", (_MOST_CHANNELS,)), "tap_s": ("f8", (TAPS_KEPT,))}
"""Type and most items; an item is never 0."""


def _dtype(kind: type) -> np.dtype:
    columns: list[tuple] = []
    for field in fields(kind):
        if field.type == "str":
            columns.append((field.name, f"S{_SIZES[field.name]}"))
        elif field.name in _LISTS and kind is Command:
            columns.append((field.name, *_LISTS[field.name]))
        else:
            columns.append((field.name, _TYPES[str(field.type)]))
    return np.dtype(columns, align=True)


def check_source(source: str) -> None:
    """Raise BadInput if `source` is longer than what can be passed to the ears."""
    length, most = len(_encode(source)), _SIZES["source"]
    if length > most:
        raise BadInput(
            f"The sound input '{source[:60]}…' has a name of {length} bytes, and {most} are the most; "
            "give a file a shorter path."
        )


def _encode(text: str) -> bytes:
    return text.encode(errors=_ANY_NAME)


def _cut(data: bytes, most: int) -> bytes:
    """Return at most so many bytes, whole letters."""
    if len(data) <= most:
        return data
    while most and data[most] & 0xC0 == 0x80:
        most -= 1
    return data[:most]


def _pack(value: Command | Report, dtype: np.dtype) -> np.ndarray:
    record = np.zeros((), dtype)
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, str):
            content = _cut(_encode(content), _SIZES[field.name])
        elif isinstance(content, tuple):
            most = _LISTS[field.name][1][0]
            content = (*content[:most], *(0,) * (most - len(content)))
        record[field.name] = content
    return record


def _unpack(record: np.ndarray, kind: type) -> dict:
    values: dict = {}
    for field in fields(kind):
        content = record[field.name]
        if field.type == "str":
            values[field.name] = bytes(content).decode(errors=_ANY_NAME)
        elif content.ndim:
            values[field.name] = tuple(one for one in content.tolist() if one)
        else:
            values[field.name] = content.item()
    return values


_COMMAND, _REPORT = _dtype(Command), _dtype(Report)


class ControlBlock:
    """Shared memory with the newest `Command` (written by the parent) and `Report` (written by the ears)."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.name = segment.name
        self._commands = RecordRing(segment.memory, 0, _COMMAND, _SLOTS)
        self._reports = RecordRing(segment.memory, RecordRing.size(_COMMAND, _SLOTS), _REPORT, _SLOTS)

    @classmethod
    def create(cls, name: str | None = None) -> ControlBlock:
        """Create the shared memory."""
        size = RecordRing.size(_COMMAND, _SLOTS) + RecordRing.size(_REPORT, _SLOTS)
        return cls(Segment(name, size))

    @classmethod
    def attach(cls, name: str) -> ControlBlock:
        """Attach to a block that another process created."""
        return cls(Segment(name))

    def command(self) -> Command | None:
        """Return the newest command; None before the first."""
        record = self._commands.newest()
        return None if record is None else Command(**_unpack(record, Command))

    def send(self, command: Command) -> None:
        """Make `command` the newest one."""
        self._commands.write(_pack(command, _COMMAND))

    def report(self) -> Report | None:
        """Return the newest report; None before the first."""
        record = self._reports.newest()
        return None if record is None else Report(**_unpack(record, Report))

    def publish(self, report: Report) -> None:
        """Make `report` the newest one."""
        self._reports.write(_pack(report, _REPORT))

    @property
    def commands_sent(self) -> int:
        """Number of commands so far; tells cheaply whether there is a new one."""
        return self._commands.head

    def unlink(self) -> None:
        """Remove the name; whoever is attached stays so. Only the creator calls this."""
        self._segment.unlink()
