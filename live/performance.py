"""The performance: ears, render thread, control, stage and recording put together and kept going."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.bars import METRE
from analysis.frame import rest_frame
from analysis.loudness import GATE_DB
from bentlight.clock import now_s
from bentlight.errors import BadInput, BentlightError
from bentlight.parameter import Value
from engine.spec import Picture
from live.bank import SceneBank
from live.capture.ears import Ears
from live.capture.status import EarsStatus
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.control.osc import OscReceiver
from live.director import Director
from live.files import check_writable, write_json
from live.mailbox import Mailbox
from live.render import Renderer
from live.report import report
from live.signals import end_on_signals
from live.supervise import Supervised

if TYPE_CHECKING:
    from engine.generator import Generator
    from live.stage.state import HudState

__all__ = ["Performance", "PlaySettings"]

log = logging.getLogger(__name__)

SMALLEST_SIDE = 128
SIDE_STEP = 16
VIDEOS = (".mkv", ".mp4")
HEARD_S = 20.0
LOADER_S = 2.0


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """What `bentlight play` was asked for.

    Attributes
    ----------
    input : str
        ``default``, a device name or index, ``file:PATH``, ``demo`` or ``silence``.
    channels : tuple of int or None
        Input channels to listen to, counted from 1; None for the first two.
    gain : float or "auto"
        Gain in dB.
    gate : float
        Level after gain in dB below which there is no sound.
    onsets : str
        How onsets are found: ``auto``, or one of aubio's methods.
    metre : int
        Beats in a bar.
    scene : str
        Name or path; empty for the first built-in scene.
    model : str or None
        Overrides the scenes' model.
    lora, tiny_autoencoder : str or None
        An LCM-LoRA, and a tiny autoencoder, for a Stable Diffusion model.
    runtime : str
        ``auto``, ``eager``, ``graph`` or ``onnx``.
    stream, compiled : bool
        Stream batch, and ``torch.compile``; see `engine.generator.Generator.load`.
    size : tuple of int or None
        (width, height) of the pictures; None for the model's own.
    steps, seed : int or None
        Override the scenes'.
    display : int
    fullscreen, headless, mute : bool
    record : Path or None
        A name that is taken gets a number.
    report : Path or None
    osc : tuple of (str, int) or None
        Where to listen; None for no OSC.
    seconds : float or None
        How long to play, counted from the first picture; None until told to stop.
    """

    input: str = "default"
    channels: tuple[int, ...] | None = None
    gain: float | Literal["auto"] = "auto"
    gate: float = GATE_DB
    onsets: str = "auto"
    metre: int = METRE
    scene: str = ""
    model: str | None = None
    lora: str | None = None
    tiny_autoencoder: str | None = None
    runtime: str = "auto"
    stream: bool = False
    compiled: bool = False
    size: tuple[int, int] | None = None
    steps: int | None = None
    seed: int | None = None
    display: int = 0
    fullscreen: bool = False
    headless: bool = False
    record: Path | None = None
    osc: tuple[str, int] | None = ("127.0.0.1", 9000)
    seconds: float | None = None
    mute: bool = False
    report: Path | None = None


class Performance:
    """One show.

    Parameters
    ----------
    settings : PlaySettings

    Raises
    ------
    BadInput, BadScene
        If the settings cannot be played.
    """

    def __init__(self, settings: PlaySettings) -> None:
        if settings.record is not None and settings.record.suffix.lower() not in VIDEOS:
            raise BadInput(f"--record {settings.record}: give a name that ends in .mkv or .mp4.")
        self.settings = settings
        self.bank = SceneBank(settings.scene)
        self.board = ControlBoard()
        declare_performance(self.board)
        self.pictures: Mailbox[Picture] = Mailbox()
        self.ears = Ears(
            settings.input,
            channels=settings.channels,
            gain=settings.gain,
            gate=settings.gate,
            onset_method=settings.onsets,
            metre=settings.metre,
            mute=settings.mute,
        )
        self.board.reflect("/gate", settings.gate)
        self.board.reflect("/metre", settings.metre)
        self.board.reflect("/gain/auto", settings.gain == "auto")
        if settings.gain != "auto":
            self.board.reflect("/gain", settings.gain)
        features = self.ears.features.reader()
        self.renderer = Renderer(features, self._controls, self.pictures, command=self.ears.command)
        self.renderer.on_out_of_memory = self._smaller
        self.renderer.on_broken_picture = self._tell
        self.director = Director(
            self.board, self.renderer, self.ears, self.bank, seed=settings.seed, steps=settings.steps
        )
        self.director.recordings.wish = settings.record
        for path in (settings.record, settings.report):
            if path is not None:
                check_writable(path)
        self.osc = OscReceiver(*settings.osc, self.board) if settings.osc else None
        self.failure: Exception | None = None
        self.on_no_sound: Callable[[str], None] = lambda _: None
        """Told, in a show without a window, why no sound comes; once until it has come again."""
        self._no_sound_told = False
        self.heard = self.ears.status()
        """How the ears were at the end of the show."""
        self._newest = self.ears.features.reader()
        self._loader = threading.Thread(target=self._load, name="model loader", daemon=True)
        self._rendering = Supervised("render thread", lambda stop: self.renderer.run(stop, self._rendering.recovered))
        self._directing = Supervised("director", lambda stop: self.director.run(stop, self._directing.recovered))
        self._changing = Supervised("scenes", lambda stop: self.director.run_scenes(stop, self._changing.recovered))
        self._ended = threading.Event()
        self._loaded_s: float | None = None

    # The show ----------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Play until told to stop, and return the report.

        Raises
        ------
        BentlightError
            If the show cannot begin: no model, no display, no such device at all. The report is written all the same.
        """
        try:
            self._play()
        except Exception as error:
            self.failure = self.failure or error
        made = report(self)
        try:
            if self.settings.report is not None:
                write_json(self.settings.report, made)
        except BentlightError as error:
            self.failure = self.failure or error
        if self.failure is not None:
            raise self.failure
        return made

    def _play(self) -> None:
        with ExitStack() as ending:
            ending.callback(end_on_signals(self.director.quit))
            ending.callback(self._close)
            if self.osc is not None:
                self.osc.start()
            stage = self._stage()
            ending.callback(stage.close)
            if self._live_input:
                self.ears.start()
            self._loader.start()
            for thread in self.threads:
                thread.start()
            stage.run(self._should_stop)

    @property
    def threads(self) -> tuple[Supervised, ...]:
        """The threads that are started again when they die."""
        return self._rendering, self._directing, self._changing

    def _controls(self) -> Mapping[str, Value]:
        return self.director.controls()

    @property
    def _live_input(self) -> bool:
        # A file or the demo starts with the pictures, so that nothing of it is missed.
        return not (self.settings.input == "demo" or self.settings.input.startswith("file:"))

    def _stage(self) -> Any:
        if self.settings.headless:
            from live.stage.headless import HeadlessStage

            return HeadlessStage(self.pictures)
        from live.stage.window import Stage, StageSettings

        settings = StageSettings(display=self.settings.display, fullscreen=self.settings.fullscreen)
        return Stage(settings, self.pictures, self.board, self.hud)

    def _should_stop(self) -> bool:
        if self.director.quit.is_set() or self.failure is not None or self._ended.is_set():
            return True
        first = self.renderer.stats.first_s
        if self.settings.seconds is not None and first is not None and now_s() - first >= self.settings.seconds:
            return True
        return self.settings.headless and self._nobody_can_help()

    def _nobody_can_help(self) -> bool:
        """Whether a show without a window is over, or waits for what will not come; then `failure` says why."""
        ears, wish = self.ears.status(), self.director.recordings.wish
        if ears.state == "failed" and not ears.sample_rate:
            self.failure = BadInput(ears.message)
        elif wish is not None and self._loaded_s is not None and now_s() - self._loaded_s > HEARD_S:
            why = ears.message or "the input gives none"
            self.failure = BadInput(f"{wish} cannot be recorded, no sound has come for {HEARD_S:.0f} s: {why}")
        if self.failure is None:
            self._tell_of(ears)
        return self.failure is not None or ears.state == "ended"

    def _tell_of(self, ears: EarsStatus) -> None:
        if ears.state == "running":
            self._no_sound_told = False
        elif ears.state in ("lost", "failed") and not self._no_sound_told:
            self._no_sound_told = True
            self.on_no_sound(ears.message)

    def _load(self) -> None:
        try:
            from engine.generator import Generator

            model = self.settings.model or self.bank.scene(self.bank.current).model
            generator = Generator.load(
                model,
                size=self.settings.size,
                threads=render_threads(),
                runtime=self.settings.runtime,
                stream=self.settings.stream,
                compiled=self.settings.compiled,
                lora=self.settings.lora,
                tiny_autoencoder=self.settings.tiny_autoencoder,
            )
            if self._ended.is_set():
                return
            self.director.open(generator)
            if self._ended.is_set():
                return
            if not self._live_input:
                self.ears.start()
            self._loaded_s = now_s()
            self.renderer.generator = generator
        except BentlightError as error:
            self.failure = error
        except Exception as error:
            log.exception("the model could not be loaded")
            self.failure = error

    def _tell(self, error: Exception) -> None:
        self.director.notices.tell(str(error))

    def _smaller(self, generator: Generator) -> None:
        size = smaller(generator.size)
        if size is None:
            raise BadInput("The device has no memory left even for small pictures; close other programs that use it.")
        width, height = size
        generator.resize(width, height)
        self.director.notices.tell(f"out of memory: pictures are now {width} x {height}")

    def _close(self) -> None:
        self._ended.set()
        self.heard = self.ears.status()
        with ExitStack() as steps:  # each is done whatever becomes of the others; the last one added is the first done
            steps.callback(self.ears.stop)
            if self.osc is not None:
                steps.callback(self.osc.stop)
            steps.callback(self.director.close)
            for thread in self.threads:
                steps.callback(thread.stop)
            if self._loader.is_alive():
                # A download is not waited for: the loader looks whether the show has ended before it starts anything.
                self._loader.join(LOADER_S)

    # What the HUD shows --------------------------------------------------------------------------------

    def newest_frame(self) -> np.ndarray:
        """Return the newest frame heard, or the resting one."""
        frame = self._newest.newest()
        return rest_frame() if frame is None else frame

    def hud(self) -> HudState:
        """Return what the HUD shows now."""
        from live.hud import hud_state

        return hud_state(self)

    def warnings(self, heard: Sequence[str] = ()) -> list[str]:
        """Return every warning of the moment in plain words, with those about what is heard, most pressing first.

        The HUD has room for three, so what is lost unless somebody acts comes first: a part of the show, or its
        recording.
        """
        found = [thread.fault for thread in self.threads if thread.fault]
        if self.director.recordings.fault:
            found.append(self.director.recordings.fault)
        if self.osc is not None and not self.osc.stats().alive:
            found.append("OSC has stopped listening; start the show again to play by OSC")
        dropped = self.osc.refusals.warnings() if self.osc is not None else []
        return list(dict.fromkeys([*found, *heard, *self.director.warnings(), *dropped]))


def smaller(size: tuple[int, int]) -> tuple[int, int] | None:
    """Return (width, height) about a quarter smaller, both by one factor; None when `size` is small enough as it is."""
    factor = max(0.75, SMALLEST_SIDE / min(size))
    if factor >= 1:
        return None
    width, height = (int(side * factor) // SIDE_STEP * SIDE_STEP for side in size)
    return width, height


def render_threads() -> int:
    """Return how many threads the model may use: all cores but one, which the ears, stage and recorder share.

    Measured on two cores: one thread gives nearly the pictures of two, evenly spaced, whatever else the machine does;
    two threads wait for each other at every layer as soon as anything else runs.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(1, cores - 1)
