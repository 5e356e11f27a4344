"""The render thread's work: features since the last visit → patch → generator → mailbox."""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from analysis.frame import FEATURE_FRAME, HEADER, rest_frame
from bentlight.clock import now_s
from bentlight.parameter import Value
from engine.spec import FrameSpec, Picture
from live.capture.control_block import Command
from live.histogram import Histogram
from live.mailbox import Mailbox
from live.pacer import Pacer
from live.resting_beat import RestingBeat

if TYPE_CHECKING:
    from engine.errors import NotFinite
    from engine.generator import Generator
    from scenes.patch import Patch

__all__ = ["BendTrace", "Hearing", "OnsetTrace", "RenderStats", "Renderer"]

log = logging.getLogger(__name__)

LOST_AFTER_S = 0.25
COMPLAIN_EVERY_S = 1.0
MADE_MOST_S = 1.0
RATE_S = 2.0
"""Over how long pictures are counted for their rate; over the time between two, where that is longer."""
HOP_S = 256 / 48000


class FeatureReader(Protocol):
    """What the render thread needs of a `FeatureRing` reader."""

    def read(self) -> tuple[np.ndarray, int]:
        """Return every frame since the last visit, and how many were lost."""


class Hearing:
    """Frames for the patch, whether or not sound arrives.

    While the ears are lost, resting frames are made at hop rate on the host clock, so that envelopes fall to rest and
    motion goes on; a second of them at most at a time, so that a machine that slept is not held up by what it missed.
    The tempo, taps and metre of hands and clocks hold in them too.

    Parameters
    ----------
    reader : FeatureReader
    clock : callable, optional
        Host clock in seconds.
    command : callable, optional
        Returns what the ears were last asked for.
    """

    def __init__(
        self,
        reader: FeatureReader,
        clock: Callable[[], float] = now_s,
        command: Callable[[], Command] = Command,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._command = command
        self._beat = RestingBeat()
        self._last = rest_frame()
        self._last_host_s = clock()
        self._heard_with = command()
        self.hops_lost = 0
        self.resting = False

    @property
    def newest(self) -> np.ndarray:
        """The newest frame given out, shape (): heard, or made while nothing is."""
        return self._last

    @property
    def time_s(self) -> float:
        """Stream time of the newest frame given out."""
        return float(self._last["time_s"])

    def begin(self) -> None:
        """Begin now: what was heard or lost so far is passed over."""
        frames, _ = self._reader.read()
        self._last = frames[-1].copy() if len(frames) else rest_frame()
        self._last_host_s = self._clock()
        self.hops_lost = 0
        self.resting = False

    def visit(self) -> np.ndarray:
        """Return every frame since the last visit, shape (hops,); empty when there is nothing new yet."""
        frames, lost = self._reader.read()
        now = self._clock()
        self.hops_lost += lost
        if len(frames):
            self.resting = False
            self._last, self._last_host_s, self._heard_with = frames[-1].copy(), now, self._command()
            return frames
        late_s = now - self._last_host_s
        if late_s < (HOP_S if self.resting else LOST_AFTER_S):
            return frames
        if not self.resting:
            self._beat.begin(self._last, self._last_host_s, self._heard_with)
        self.resting = True
        if late_s > MADE_MOST_S:
            self._last_host_s = now - MADE_MOST_S
        hops = max(1, int(min(late_s, MADE_MOST_S) / HOP_S))
        made = np.full(hops, rest_frame(), FEATURE_FRAME)
        for name in ("index", "generation", *(kept.name for kept in HEADER if kept.name.endswith("_count"))):
            made[name] = self._last[name]
        made["time_s"] = self.time_s + HOP_S * np.arange(1, hops + 1)
        made["captured_s"] = made["published_s"] = self._last_host_s + HOP_S * np.arange(1, hops + 1)
        made["silent"] = 0.0
        self._beat.fill(made, self._command())
        self._last, self._last_host_s = made[-1].copy(), self._last_host_s + hops * HOP_S
        return made


@dataclass(slots=True)
class BendTrace:
    """What a bend did over a show."""

    low: float
    high: float
    changes: int = 0


@dataclass(frozen=True, slots=True)
class OnsetTrace:
    """When an onset was heard, and when the first picture with it was begun and done; host clock, seconds."""

    time_s: float
    captured_s: float
    published_s: float
    begun_s: float
    done_s: float


@dataclass(slots=True)
class RenderStats:
    """Counts over a show; written by the render thread alone."""

    first_s: float | None = None
    last_s: float = 0.0
    pictures: int = 0
    distinct: int = 0
    onsets_heard: int = 0
    onsets_shown: int = 0
    rate_hz: float = 0.0
    newest_age_s: float = 0.0
    feature_age: Histogram = field(default_factory=Histogram)
    picture: Histogram = field(default_factory=Histogram)
    bends: dict[str, BendTrace] = field(default_factory=dict)


class Renderer:
    """Makes pictures from what is heard.

    Parameters
    ----------
    reader : FeatureReader
    controls : callable
        Returns the control values by address.
    pictures : Mailbox of Picture
        Where the newest picture is put.
    clock : callable, optional
        Host clock in seconds.
    command : callable, optional
        Returns what the ears were last asked for.

    Attributes
    ----------
    generator, patch
        Set by the performance before `run`; `patch` may be exchanged at any moment.
    listeners : list of callable
        Called with each new picture, on the render thread; they must not block.
    pacer : Pacer
        Told by the director which blends are to be measured.
    onset_listener : callable or None
        Called with an `OnsetTrace` for each onset that reached a picture.
    """

    def __init__(
        self,
        reader: FeatureReader,
        controls: Callable[[], Mapping[str, Value]],
        pictures: Mailbox[Picture],
        clock: Callable[[], float] = now_s,
        command: Callable[[], Command] = Command,
    ) -> None:
        self.generator: Generator | None = None
        self.patch: Patch | None = None
        self.listeners: list[Callable[[Picture], None]] = []
        self.onset_listener: Callable[[OnsetTrace], None] | None = None
        self.on_out_of_memory: Callable[[Generator], None] | None = None
        self.on_broken_picture: Callable[[NotFinite], None] | None = None
        self.hearing = Hearing(reader, clock, command)
        self.pacer = Pacer(clock)
        self.stats = RenderStats()
        self._controls = controls
        self._pictures = pictures
        self._clock = clock
        self._previous: Picture | None = None
        self._complaint = ("", 0.0)
        self._checksum: int | None = None
        self._spec: FrameSpec | None = None
        self._begun = False
        self._done_s: deque[float] = deque()

    @property
    def newest(self) -> Picture | None:
        """The last picture that was made, which the stage shows."""
        return self._previous

    def run(self, stop: threading.Event, well: Callable[[], None] = lambda: None) -> None:
        """Make pictures until `stop` is set, and call `well` after each."""
        while not stop.is_set():
            if self.step():
                well()
            else:
                stop.wait(0.001)

    def step(self) -> bool:
        """Make one picture; False when there was nothing new to hear, or the picture is frozen."""
        from engine.errors import NotFinite, OutOfMemory

        patch, generator = self.patch, self.generator
        if patch is None or generator is None:
            return False
        if not self._begun:
            # What was heard while the model was loading belongs to no picture.
            self.hearing.begin()
            self._begun = True
        frames = self.hearing.visit()
        if not len(frames):
            return False
        controls = self._controls()
        spec = patch.advance(frames, controls, self.hearing.time_s)
        hits = frames[frames["onset"] > 0]
        self.stats.onsets_heard += len(hits)
        # Before the first picture there is none to stand still: else the show would not begin.
        if controls.get("/freeze") and self.stats.pictures:
            return False
        begun = self._clock()
        try:
            picture = generator.render(spec, self._previous if spec.wants_previous else None)
        except OutOfMemory:
            if self.on_out_of_memory is None:
                raise
            self.on_out_of_memory(generator)
            return False
        except NotFinite as error:
            self._complain(error, begun)
            return False
        done = self._clock()
        self._pictures.put(picture)
        for listener in self.listeners:
            listener(picture)
        self._account(picture, begun, done, float(frames[-1]["published_s"]), hits)
        self._previous = picture
        # A hit is answered by the next picture too.
        self.pacer.spend(generator, done - begun, hurried=len(hits) > 0)
        return True

    def _complain(self, error: NotFinite, now: float) -> None:
        """Say that there is no picture to show, once a second while it lasts, and at once when the bend is found."""
        told, told_s = self._complaint
        if self.on_broken_picture is not None and (str(error) != told or now - told_s >= COMPLAIN_EVERY_S):
            self._complaint = (str(error), now)
            self.on_broken_picture(error)

    def _account(self, picture: Picture, begun: float, done: float, published_s: float, hits: np.ndarray) -> None:
        stats, spec = self.stats, picture.spec
        if stats.first_s is None:
            stats.first_s = done
            self._done_s.append(done)
            log.info("first picture")
        else:
            self._done_s.append(done)
            while len(self._done_s) > 2 and self._done_s[0] < done - RATE_S:
                self._done_s.popleft()
            stats.rate_hz = (len(self._done_s) - 1) / max(done - self._done_s[0], 1e-4)
        stats.last_s = done
        stats.pictures += 1
        stats.picture.add(done - begun)
        if not self.hearing.resting:
            stats.feature_age.add(begun - published_s)
            stats.newest_age_s = done - published_s
        checksum = zlib.crc32(picture.pixels.data)
        stats.distinct += checksum != self._checksum
        self._checksum = checksum
        stats.onsets_shown += len(hits)
        if self.onset_listener is not None:
            for hit in hits:
                self.onset_listener(
                    OnsetTrace(float(hit["time_s"]), float(hit["captured_s"]), float(hit["published_s"]), begun, done)
                )
        self._trace_bends(spec)

    def _trace_bends(self, spec: FrameSpec) -> None:
        before = self._spec.values if self._spec is not None and self._spec.plan == spec.plan else None
        for i, ((address, _), value) in enumerate(zip(spec.plan.slots, spec.values, strict=True)):
            trace = self.stats.bends.get(address)
            if trace is None:
                trace = self.stats.bends[address] = BendTrace(value, value)
            trace.low, trace.high = min(trace.low, value), max(trace.high, value)
            trace.changes += before is not None and before[i] != value
        self._spec = spec
