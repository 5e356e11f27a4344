"""The director: turns what is asked for on the control board into what is done, and watches the files of the scenes."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bentlight.clock import now_s
from bentlight.errors import BentlightError
from bentlight.parameter import Parameter, Value
from live.asked import Asked
from live.bank import SceneBank
from live.control.board import ControlBoard, ControlEvent
from live.fitting import fit_scene, not_understood
from live.input_choice import InputChoice
from live.notices import Notices
from live.preparing import prepare_for
from live.recordings import Recordings
from live.render import Renderer
from live.supervise import Supervised
from scenes.controls import CHOSEN, NEXT
from scenes.patch import Patch
from scenes.schema import Scene

if TYPE_CHECKING:
    from engine.generator import Generator
    from live.capture.ears import Ears

__all__ = ["Director"]

log = logging.getLogger(__name__)

LEAST_BPM = 30.0
FROZEN = "the picture is frozen: Space, or /freeze, lets it go on"
WATCH_S = 0.5


class Director:
    """Acts on control events, off the render thread and off the stage.

    Parameters
    ----------
    board : ControlBoard
    renderer : Renderer
    ears : Ears
    bank : SceneBank
    seed, steps : int or None
        Override the scenes'.

    Attributes
    ----------
    notices : Notices
    recordings : Recordings
    quit : threading.Event
        Set when the end of the show was asked for.
    """

    def __init__(
        self,
        board: ControlBoard,
        renderer: Renderer,
        ears: Ears,
        bank: SceneBank,
        *,
        seed: int | None = None,
        steps: int | None = None,
    ) -> None:
        self.bank = bank
        self.notices = Notices()
        self.recordings = Recordings(board, renderer, ears, self.notices.tell)
        self.quit = threading.Event()
        self._board = board
        self._renderer = renderer
        self._ears = ears
        self._seed = seed
        self._steps = steps
        self._overrides: dict[str, Value] = {"/prompt": "", NEXT: 0, CHOSEN: 0}
        self._past = self._overrides
        """What counted as asked for when the scene was chosen."""
        self._scene_fault: str | None = None
        self._next_watch_s = self._next_gain_s = 0.0
        self._preparing: Supervised | None = None
        self._closed = threading.Event()
        self._inputs = InputChoice(ears, self.notices.tell)
        self._asked = Asked()
        self._first = self._playing = bank.current
        self._behind = False
        """Another scene was chosen, or its file changed, while the model was loading."""
        self._changing = threading.Lock()
        """Held while a scene is chosen and begins to play: the loader's first, or one asked for."""
        # What may take seconds, where torch has to be loaded for a scene; nothing else waits for it.
        self._choices: dict[str, Callable[[Value], Scene]] = {
            "/scene": lambda value: bank.choose(str(value)),
            "/scene/number": lambda value: bank.at(int(value) - 1),
            "/scene/next": lambda _: bank.step(+1),
            "/scene/previous": lambda _: bank.step(-1),
        }
        self._prompts: dict[str, Callable[[Value], None]] = {
            "/prompt": self._set_prompt,
            "/prompt/next": lambda _: self._cue(NEXT),
            "/prompt/index": lambda _: self._cue(CHOSEN),
        }
        self._handlers: dict[str, Callable[[Value], None]] = {
            "/record": lambda value: self.recordings.begin() if value else self.recordings.end(),
            "/nudge": lambda _: ears.nudge(),
            "/metre": lambda value: ears.set_metre(int(value)),
            "/tempo": lambda value: ears.set_tempo(self._tempo(value)),
            "/gain": self._set_gain,
            "/gain/auto": self._set_automatic,
            "/gate": lambda value: ears.set_gate(float(value)),
            "/input/next": lambda _: self._inputs.next(),
            "/input/demo": lambda _: self._inputs.demo(),
        }
        # What is meant of the moment at which it was done, however late it is looked at.
        self._timed: dict[str, Callable[[Value, float], None]] = {
            "/tap": lambda _, at_s: ears.tap(at_s),
            "/downbeat": lambda _, at_s: ears.downbeat(at_s),
            "/clock": lambda value, at_s: ears.set_clock(self._tempo(value), 0.0, at_s),
        }
        # A controller sends all it has as soon as it sees us, which may be long before the model is there.
        board.adopt(self._declared(bank.scene(bank.current)))
        board.scenes_come = True

    # What the render thread and the HUD ask ---------------------------------------------------------

    @property
    def playing(self) -> str:
        """The scene that plays; the bank's current one may still be made ready."""
        return self._playing

    def controls(self) -> Mapping[str, Value]:
        """Return control values for the patch: the board's, with prompts only once they are prepared."""
        return {**self._board.values(), **self._overrides}

    def warnings(self) -> list[str]:
        """Return what the HUD should say now, most pressing first."""
        found = [fault for fault in (self.recordings.fault, self._scene_fault) if fault]
        if self._board.get("/freeze"):
            found.append(FROZEN)
        return list(dict.fromkeys(found + self.notices.shown()))

    # Its own threads ---------------------------------------------------------------------------------

    def run(self, stop: threading.Event, well: Callable[[], None] = lambda: None) -> None:
        """Act on events until `stop` is set, and call `well` after each look at them; scenes and prompts are left."""
        while not stop.is_set():
            self.step_now()
            well()
            stop.wait(0.005)

    def run_scenes(self, stop: threading.Event, well: Callable[[], None] = lambda: None) -> None:
        """Act on what `run` leaves until `stop` is set, and call `well` after each look."""
        while not stop.is_set():
            self.step_scenes()
            well()
            stop.wait(0.005)

    def step(self) -> None:
        """Do what both threads do, once."""
        self.step_now()
        self.step_scenes()

    def step_now(self) -> None:
        """Act on every event that is waiting but those of scenes and prompts, and look after the recording."""
        events = self._board.take_events()
        if any(event.address == "/quit" for event in events):
            self.quit.set()  # before anything that may take its time
        for event in events:
            if event.address in self._choices or event.address in self._prompts:
                self._asked.add(event)
            else:
                self._act(event)
        self.recordings.look()
        now = now_s()
        if now >= self._next_gain_s:
            self._next_gain_s = now + WATCH_S
            if self._board.get("/gain/auto"):
                # So that a hand on the gain goes on from where it is.
                self._board.reflect("/gain", round(self._ears.status().gain_db))

    def step_scenes(self) -> None:
        """Act on the events of scenes and prompts that wait, and look at the scene's file now and then."""
        while (event := self._asked.take()) is not None:
            self._act(event)
        if self._behind and self._renderer.generator is not None:
            self._attempt(self.bank.current, self._catch_up)
        now = now_s()
        if now >= self._next_watch_s:
            self._next_watch_s = now + WATCH_S
            self._watch_scene()
            self._save_paces()

    def _act(self, event: ControlEvent) -> None:
        address, value = event.address, event.value
        if address in self._timed:
            self._attempt(address, lambda: self._timed[address](value, event.time_s))
        elif address in self._choices:
            self._attempt(address, lambda: self._change(event))
        elif handler := self._handlers.get(address) or self._prompts.get(address):
            self._attempt(address, lambda: handler(value))

    def _attempt(self, what: str, do: Callable[[], None]) -> None:
        """Do something and say why where it fails: what was asked for with it is still to be done."""
        try:
            do()
        except BentlightError as error:
            self.notices.tell(str(error))
        except Exception as error:
            log.exception("%s could not be done", what)
            self.notices.tell(f"{what} could not be done ({type(error).__name__}: {error})")

    def open(self, generator: Generator) -> None:
        """Play the first scene on a loaded generator, then prepare the others in the background."""
        with self._changing:
            self._behind = False
            try:
                self._play(self.bank.choose(self.bank.current), generator)
            except BentlightError as error:
                # One that was chosen while the model loaded must not end a show that could begin.
                if self.bank.current == self._first:
                    raise
                self.notices.tell(str(error))
                self.bank.current = self._first
                self._play(self.bank.choose(self._first), generator)
        self._preparing = Supervised("preparation of the scenes", lambda stop: self._prepare_all(stop, generator))
        self._preparing.start()

    def close(self) -> None:
        """Finish what is open."""
        self._closed.set()
        if self._preparing is not None:
            self._preparing.stop()
        self.recordings.close()
        self._save_paces()

    # Scenes and prompts ------------------------------------------------------------------------------

    def _patch(self, scene: Scene, generator: Generator, *, tell: bool = True) -> Patch:
        scene, resting = fit_scene(scene, generator, steps=self._steps)
        strange = not_understood((prompt.text for prompt in scene.prompts), generator)
        for told in (resting, strange):
            if told and tell:
                self.notices.tell(told)
        return Patch(scene, seed=self._seed)

    def _change(self, event: ControlEvent) -> None:
        """Play the scene that was asked for; one that cannot be played does not stay the bank's current one."""
        try:
            with self._changing:
                before = self.bank.current, self.bank.fault
                scene = self._choices[event.address](event.value)
                try:
                    self._begin(scene, event.order)
                except Exception:
                    self.bank.current, self.bank.fault = before
                    raise
        finally:
            self._board.settle(event.order)

    def _begin(self, scene: Scene, order: int) -> None:
        """Begin a scene at its own values, but for what was asked for after it."""
        generator = self._renderer.generator
        if generator is None:
            # Here nothing of it can be played yet, but what is sent is its own from now on; `open` plays the bank's
            # current scene, and may have begun with another.
            self._behind = True
            self._forget(self._declared(scene))
        else:
            patch = self._ready(scene, generator)
            self._forget(patch.parameters)
            patch.look_past(self._past)
            self._board.settle(order)
            self._put(patch, generator)

    def _forget(self, declarations: Mapping[str, Parameter]) -> None:
        """Leave the scene before behind: its values, its text and its cues."""
        self._overrides = {**self._overrides, "/prompt": ""}
        self._past = self._overrides
        self._board.adopt(declarations)

    def _play(self, scene: Scene, generator: Generator | None = None, *, edited: bool = False) -> None:
        """Play what the board knows already: the first scene, or one that was chosen or edited meanwhile."""
        generator = generator or self._renderer.generator
        if generator is None:
            self._behind = True
            self._board.adopt(self._declared(scene), keep=True)
            return
        patch = self._ready(scene, generator)
        playing = self._renderer.patch
        if edited and playing is not None:
            patch.carry_over(playing)
        else:
            patch.look_past(self._past)
        self._board.adopt(patch.parameters, keep=True)
        self._put(patch, generator)

    def _catch_up(self) -> None:
        with self._changing:
            self._behind = False
            try:
                self._play(self.bank.choose(self.bank.current))
            except Exception:
                # What plays goes on, so it is its addresses and its file that count.
                self.bank.current = self._playing
                if self._renderer.patch is not None:
                    self._board.adopt(self._renderer.patch.parameters, keep=True)
                raise

    def _ready(self, scene: Scene, generator: Generator) -> Patch:
        patch = self._patch(scene, generator)
        prepare_for(generator, patch)
        return patch

    def _put(self, patch: Patch, generator: Generator) -> None:
        self._renderer.pacer.want(generator, patch)
        self._renderer.patch, self._playing = patch, self.bank.current
        self._scene_fault = f"plays as it was: {self.bank.fault}" if self.bank.fault else None

    def _declared(self, scene: Scene) -> dict[str, Parameter]:
        """What of a scene can be played, as far as that is known without a model."""
        steps = {} if self._steps is None else {"steps": self._steps}
        return Patch(scene.model_copy(update=steps)).parameters

    def _watch_scene(self) -> None:
        try:
            with self._changing:
                scene = self.bank.reload()
                if scene is not None:
                    self._play(scene, edited=True)
            if scene is not None and not self._behind:
                self.notices.tell(f"{self.bank.current} was read again")
        except BentlightError as error:
            self._scene_fault = f"kept the running scene: {error}"
        except Exception as error:
            log.exception("%s could not be read again", self.bank.current)
            self._scene_fault = f"kept the running scene: a fault of ours: {error}"

    def _save_paces(self) -> None:
        generator = self._renderer.generator
        if generator is not None and generator.paces is not None:
            generator.paces.save()

    def _prepare_all(self, stop: threading.Event, generator: Generator) -> None:
        # Else the first recording would load it, on the thread that acts on keys.
        with contextlib.suppress(ImportError, OSError):
            importlib.import_module("live.record")
        for name in self.bank.names:
            self._prepare_scene(name, stop, generator)
        # Last: a hand on feedback or strength is for later, and the nearest picture plays until then.
        self._prepare_scene(self.bank.current, stop, generator, by_hand=True)

    def _prepare_scene(self, name: str, stop: threading.Event, generator: Generator, *, by_hand: bool = False) -> None:
        if stop.is_set() or self._closed.is_set():
            return
        try:
            patch = self._patch(self.bank.scene(name), generator, tell=False)
            prepare_for(generator, patch, by_hand=by_hand)
        except BentlightError as error:
            log.warning("scene %s cannot be prepared: %s", name, error)
        except Exception:
            # The scenes after it are still to be prepared.
            log.exception("scene %s could not be prepared", name)

    def _set_gain(self, value: Value) -> None:
        self._board.reflect("/gain/auto", False)
        self._ears.set_gain(float(value))

    def _set_automatic(self, value: Value) -> None:
        # Once more on the board: a gain set just before has put it out there.
        self._board.reflect("/gain/auto", value)
        self._ears.set_gain("auto" if value else float(self._board.get("/gain")))

    @staticmethod
    def _tempo(value: Value) -> float:
        """Return a tempo in BPM, 0 where none is meant."""
        return float(value) if float(value) >= LEAST_BPM else 0.0

    def _set_prompt(self, value: Value) -> None:
        text = str(value).strip()
        generator = self._renderer.generator
        if text and generator is not None:
            generator.prepare(prompts=(text,))
            if strange := not_understood((text,), generator):
                self.notices.tell(strange)
        self._overrides = {**self._overrides, "/prompt": text}

    def _cue(self, address: str) -> None:
        """Count a cue, which the patch acts on when the number has grown; it takes the place of a typed text."""
        self._overrides = {**self._overrides, "/prompt": "", address: int(self._overrides[address]) + 1}
