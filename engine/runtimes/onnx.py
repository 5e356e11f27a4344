"""`OnnxGenerator`: the model in ONNX Runtime, one graph for each plan; torch plays whatever has no graph (yet)."""

from __future__ import annotations

import logging
import threading
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import numpy as np

from bentlight.errors import BadInput
from engine.bends.bank import Bank
from engine.bends.plan import BendPlan
from engine.bends.selection import check_bend
from engine.checks import check_previous, check_spec, checked_size
from engine.errors import NotFinite, OutOfMemory
from engine.generator import Generator, Wanted
from engine.guidance import guidance_embedding
from engine.measures import SiteInfo, listed
from engine.noise import NoiseBank
from engine.paces import Paces
from engine.resize import fitted
from engine.runtimes.exported import ExportedModel, first_line, read_model
from engine.runtimes.exporter import Exporter
from engine.runtimes.providers import providers_for
from engine.runtimes.session import Session
from engine.runtimes.shelf import Shelf
from engine.runtimes.source import Source
from engine.runtimes.stand_in import StandIn
from engine.runtimes.store import Store, graphs_folder
from engine.runtimes.task import MODEL, Task, near
from engine.spec import FrameSpec, Picture

__all__ = ["OnnxGenerator"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Way:
    """The graphs that make a picture: the second mixes the picture before into the starting noise."""

    picture: Task
    session: Session
    feedback: Task | None = None
    mixer: Session | None = None


class _CannotRun(Exception):
    """ONNX Runtime failed at a graph; it is not asked again."""


class OnnxGenerator(Generator):
    """A model in ONNX Runtime.

    What has been exported once, by a process of its own, is played without torch. What has not is played in torch at
    once, and changes over when its graph is ready; so is, for good, what ONNX Runtime cannot play.

    While torch is being loaded, a picture that has no graph is made by the nearest graph of its plan: without strength,
    without feedback, with or without guidance, with another number of steps. Not when `prepare` was told to wait: then
    every picture is what was asked for, however long it takes.

    Parameters
    ----------
    source : Source
    store : Store
    providers : list
        As `providers_for` gives them.
    threads : int or None
        Threads of one picture on the CPU.
    exporter : Exporter or None
        Instead of the usual one.
    stand_in : StandIn or None
        Instead of the usual one.
    """

    runtime: ClassVar[str] = "onnx"

    def __init__(
        self,
        source: Source,
        store: Store,
        providers: list[Any],
        threads: int | None,
        exporter: Exporter | None = None,
        stand_in: StandIn | None = None,
    ) -> None:
        self.model = source.model
        self._store, self._threads = store, threads
        self._shelf = Shelf(store, providers, threads)
        self._tuned = providers == providers_for("cpu")
        self._exporter = exporter or Exporter(source, store.folder, self._settled)
        self._noises = NoiseBank()
        self._banks: dict[BendPlan, Bank] = {}
        self._later: list[Wanted] = []
        self._named: dict[str, np.ndarray] = {}
        self._paces = Paces(lambda: store.paces)
        self._stand_in = stand_in or StandIn(source, threads)
        self._exact = False
        self._give_back = False
        self._playing = "onnx"
        # What is wanted may be named by any thread; the model becomes ready on the exporter's.
        self._lock = threading.RLock()
        store.opened(source.name())
        self._ready = read_model(self._store, self._threads)
        if self._ready is None:
            self.size = self._stand_in.model().size
            self._exporter.ask(MODEL, hurried=True)
        else:
            self.size = self._ready.facts.native

    @classmethod
    def open(
        cls,
        model: str,
        device: str = "auto",
        threads: int | None = None,
        lora: str | None = None,
        tiny_autoencoder: str | None = None,
    ) -> OnnxGenerator:
        """Load a model; see `Generator.load`."""
        providers = providers_for(device)
        source = Source(model, lora, tiny_autoencoder)
        key = source.key()
        if key is None:
            # Not wholly here: loading it in torch fetches what is missing, or says what is wrong.
            from engine.eager import EagerGenerator

            EagerGenerator.open(model, "cpu", "float32", threads, lora, tiny_autoencoder)
            key = source.key()
            if key is None:
                raise BadInput(f"{model} cannot be exported for ONNX Runtime; use the eager runtime.")
        return cls(source, Store(graphs_folder() / key), providers, threads)

    @property
    def playing(self) -> str:
        return self._playing

    def resize(self, width: int, height: int) -> None:
        model = self._ready
        step = max(8, model.facts.factor) if model is not None else 8
        size = checked_size(width, height, step)
        self._stand_in.resize(*size)
        changed, self.size = size != self.size, size
        if changed:
            # Memory is why sizes change most often. The graphs stay on disk.
            self._shelf.clear()
            self._give_back = True
            self._exporter.resize(*size)

    def embedding(self, text: str) -> np.ndarray:
        model = self._ready
        return self._stand_in.model().embedding(text) if model is None else model.prompts.shown(text)

    def keep(self, name: str, embedding: np.ndarray) -> None:
        embedding = np.array(embedding, np.float32)  # the caller's may be written to
        model = self._ready
        (self._stand_in.model() if model is None else model.prompts).keep(name, embedding)
        # What torch plays is to mean the same.
        self._stand_in.keep(name, embedding)
        with self._lock:
            self._named[name] = embedding
            if self._ready is not None and self._ready is not model:
                self._ready.prompts.keep(name, embedding)

    @property
    def paces(self) -> Paces | None:
        return None if self._ready is None else self._paces

    def can_pace(self, spec: FrameSpec) -> bool:
        if self._ready is None:
            return False
        task = self._picture(self.size, spec.plan, spec.steps, spec.guidance, late=False)
        # While a graph is awaited another plays for it.
        return self._shelf.holds(task) or self._shelf.refuses(task)

    def sites(self) -> tuple[SiteInfo, ...]:
        model = self._ready
        return self._stand_in.model().sites() if model is None else model.facts.sites(self.size)

    def _prepare(self, wanted: Wanted) -> None:
        self._exact |= wanted.wait
        for plan in wanted.plans:
            self._check(plan, wanted.steps)
        if self._ready is None and wanted.wait:
            self._exporter.wait()
        with self._lock:
            model = self._ready
            if model is None and not wanted.wait and not self._shelf.refuses(MODEL):
                self._later.append(wanted)
        missing = wanted.plans if model is None else self._graphs(wanted, model)
        if missing or model is None:
            self._stand_in.model().prepare(wanted.prompts, missing, steps=wanted.steps)

    def _graphs(self, wanted: Wanted, model: ExportedModel) -> tuple[BendPlan, ...]:
        """Have everything made ready that is wanted; returns the plans that lack a graph."""
        size = self.size
        # The first picture has none before it, so the schedule from noise is needed all the same.
        ways = (False, True) if wanted.late else (False,)
        tasks = [
            self._picture(size, plan, wanted.steps, wanted.guidance, late) for plan in wanted.plans for late in ways
        ]
        missing = [task for task in tasks if self._obtain(task, hurried=wanted.wait) is None]
        if wanted.feedback or wanted.late:
            self._obtain(self._feedback(size), hurried=wanted.wait)
        if wanted.wait:
            self._exporter.wait()
        for text in wanted.prompts:
            model.prompts.encode(text)
        return tuple(task.plan for task in missing if not self._shelf.holds(task))

    def render(self, spec: FrameSpec, previous: Picture | None = None) -> Picture:
        check_spec(spec)
        check_previous(previous)
        size, model = self.size, self._ready
        while model is not None:
            way = self._way(spec, previous, size, model)
            if way is None:
                break
            try:
                pixels, check = self._made(spec, previous, size, model, way)
            except _CannotRun:
                continue  # that graph is gone now
            self._playing = "onnx"
            if not np.isfinite(check):
                bank = self._banks[spec.plan]
                if np.array_equal(bank.settled(spec.values), bank.rest):
                    raise NotFinite(unbent=True)
                raise NotFinite(self._stand_in.culprit(spec, previous))
            self._stand_in.forget_culprit(spec.plan)
            pixels.setflags(write=False)
            return Picture(pixels, spec.time_s, spec)
        self._playing = "eager"
        return self._stand_in.model().render(spec, previous)

    def _way(
        self, spec: FrameSpec, previous: Picture | None, size: tuple[int, int], model: ExportedModel
    ) -> _Way | None:
        """Return the graphs that make a picture, or the nearest to it while torch is loading; None: torch is to."""
        steps = model.facts.checked_steps(spec.steps)
        fed = previous is not None and spec.wants_previous
        picture = self._picture(size, spec.plan, steps, spec.guidance, late=fed and spec.strength < 1)
        feedback = self._feedback(size) if fed else None
        session = self._obtain(picture)
        mixer = None if feedback is None else self._obtain(feedback)
        if session is not None and (mixer is not None or not fed):
            return _Way(picture, session, feedback, mixer)
        for task, found in ((feedback, mixer), (picture, session)):
            if task is not None and found is None:
                self._exporter.advance(task)
        if self._exact or self._stand_in.loaded:
            return None
        for nearest, mixing in near(picture, feedback, model.facts.most_steps):
            session, mixer = self._shelf.at_hand(nearest), None if mixing is None else self._shelf.at_hand(mixing)
            if session is not None and (mixer is not None or mixing is None):
                if self._stand_in.load_behind():
                    log.info("%s has no graph yet for what is asked; the nearest plays while torch loads", spec.plan)
                return _Way(nearest, session, mixing, mixer)
        return None

    def _made(
        self, spec: FrameSpec, previous: Picture | None, size: tuple[int, int], model: ExportedModel, way: _Way
    ) -> list[np.ndarray]:
        """Return a picture's pixels, and a number that is finite if all of it is."""
        values = self._values(spec, size, model, way.session)
        if way.feedback is not None and way.mixer is not None and previous is not None:
            levels, steps, late = model.facts.levels, way.picture.steps, way.picture.late
            of_picture, of_noise = levels.entry(steps, spec.strength) if late else (0.0, 1.0)
            numbers = {"share": min(max(spec.feedback, 0.0), 1.0), "of_picture": of_picture, "of_noise": of_noise}
            seen = {"noise": values["start"], "pixels": fitted(previous.pixels, size)}
            seen |= {name: np.array(number, np.float32) for name, number in numbers.items()}
            values["start"] = self._run(way.feedback, way.mixer, seen)[0]
            if late:
                table = [astuple(step) for step in levels.late(steps, spec.strength)]
                values["schedule"] = np.array(table, np.float32)
        return self._run(way.picture, way.session, values)

    def _run(self, task: Task, session: Session, values: dict[str, np.ndarray]) -> list[np.ndarray]:
        give_back, self._give_back = self._give_back, False
        try:
            return session.run(values, give_back=give_back)
        except OutOfMemory:
            raise
        except Exception as error:
            self._shelf.refuse(task, f"ONNX Runtime cannot run it: {first_line(error)}")
            raise _CannotRun from error

    def _values(
        self, spec: FrameSpec, size: tuple[int, int], model: ExportedModel, session: Session
    ) -> dict[str, np.ndarray]:
        """Everything a picture's graph takes."""
        shape = model.facts.latent_shape(size)
        bank = self._banks.get(spec.plan)
        if bank is None:
            bank = self._banks[spec.plan] = Bank(spec.plan)
        values = {
            "start": self._noises.start(spec, shape),
            "text": model.prompts.blend(spec.prompts, spec.blending),
            "bank": bank.settled(spec.values),
        }
        for name in session.inputs:
            if name.startswith("fresh."):
                values[name] = self._noises.step(spec, shape, int(name.removeprefix("fresh.")))
        if "empty" in session.inputs:
            # At 1 it is the picture without guidance.
            values |= {"empty": model.prompts.empty(), "guidance": np.array(max(spec.guidance, 1.0), np.float32)}
        if "condition" in session.inputs:
            values["condition"] = guidance_embedding(spec.guidance, model.facts.condition or 0)
        return values

    def _check(self, plan: BendPlan, steps: int) -> None:
        """Refuse a plan that names sites or channels that the model lacks, whichever runtime would play it."""
        model = self._ready
        if model is None:
            self._stand_in.model().prepare(plans=(plan,), steps=steps)
            return
        measures = model.facts.measures
        for bend in plan.bends:
            measure = measures.get(bend.site)
            if measure is not None:
                check_bend(bend, measure)
            elif bend.site.startswith("weights."):
                self._stand_in.model().prepare(plans=(plan,), steps=steps)
            else:
                raise BadInput(f"the bend {bend.name} names the site {bend.site}; this model has {listed(measures)}.")

    def _picture(self, size: tuple[int, int], plan: BendPlan, steps: int, guidance: float, late: bool) -> Task:
        # Only a model that is ready says how it is guided.
        assert self._ready is not None
        guided = guidance > 1 and self._ready.facts.condition is None
        # Plain ones: a task is written as JSON, which knows none of numpy's.
        return Task("picture", size, plan, int(steps), bool(guided), bool(late), self._tuned)

    def _feedback(self, size: tuple[int, int]) -> Task:
        return Task("feedback", size, tuned=self._tuned)

    def _obtain(self, task: Task, *, hurried: bool = False) -> Session | None:
        """Return a graph ready to run; None, and it is being exported or never will be."""
        session = self._shelf.get(task)
        if session is not None or self._shelf.refuses(task):
            return session
        if "onnx" not in task.plan.runtimes:
            with_torch = [bend.name for bend in task.plan.bends if "onnx" not in bend.runtimes]
            self._shelf.refuse(task, f"ONNX Runtime has nothing for {', '.join(with_torch)}")
            return None
        if self._exporter.pending(task):
            if hurried:
                self._exporter.ask(task, hurried=True)
            # After a change of size it may lie there from another day.
            return self._shelf.at_hand(task)
        session = self._shelf.open(task)
        if session is None and not self._shelf.refuses(task):
            self._exporter.ask(task, hurried=hurried)
            session = self._shelf.get(task)
        return session

    def _settled(self, task: Task, error: str | None) -> None:
        """Take over what the exporter made; on its thread."""
        if error is not None:
            self._shelf.refuse(task, f"exporting failed: {error}")
        elif task.kind == "model":
            self._begin()
        elif self._shelf.open(task) is None:
            self._shelf.refuse(task, "what was exported cannot be read")
        elif task.kind == "picture":
            log.info("%s plays in ONNX Runtime from now on", task.plan)

    def _begin(self) -> None:
        """Read the model, and have made what was wanted before it was there."""
        model = read_model(self._store, self._threads)
        with self._lock:
            if model is not None:
                for name, embedding in self._named.items():
                    model.prompts.keep(name, embedding)
            self._ready = model
            later, self._later = self._later, []
        if model is None:
            self._shelf.refuse(MODEL, "what was exported cannot be read")
            return
        for wanted in later:
            self._graphs(wanted, model)
