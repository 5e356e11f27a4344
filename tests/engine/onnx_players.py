"""ONNX generators of the tiny model that export in this process; what tests of the ONNX runtime share."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from engine import Bend, BendPlan
from engine.eager import EagerGenerator
from engine.runtimes.exporter import Exporter
from engine.runtimes.onnx import OnnxGenerator
from engine.runtimes.providers import providers_for
from engine.runtimes.source import Source
from engine.runtimes.stand_in import StandIn
from engine.runtimes.store import Store
from engine.runtimes.task import MODEL, Task
from engine.runtimes.trace import export

PROMPT = (("blue galaxy", 1.0),)
GRAIN = BendPlan((Bend("grain", "noise", "unet.mid", seed=4), Bend("turn", "rotate", "unet.up.0")))
MOVED = (0.5, 0.8, 0.7, 1.0)


class Inside(Exporter):
    """Exports at once, in this process: another one would load torch for seconds."""

    def __init__(self, model: EagerGenerator, store: Store) -> None:
        super().__init__(Source("tiny"), store.folder, lambda *_: None)
        self._model, self._store = model, store
        self.asked: list[Task] = []
        self.owner: OnnxGenerator | None = None

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        self.asked.append(task)
        export(self._model, task, self._store)
        if self.owner is not None:
            self.owner._settled(task, None)

    def wait(self) -> None:
        pass


class Copying(Inside):
    """Takes what was exported once from another folder."""

    def __init__(self, origin: Path, store: Store) -> None:
        super().__init__(None, store)  # type: ignore[arg-type]
        self._origin = origin

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        self.asked.append(task)
        for path in self._origin.rglob("*"):
            place = self._store.folder / path.relative_to(self._origin)
            if path.is_file() and not place.exists():
                shutil.copy(path, place)
        assert self.owner is not None
        self.owner._settled(task, None)


def opened(
    model: EagerGenerator, folder: Path, exporter: Exporter | None = None, stand_in: StandIn | None = None
) -> OnnxGenerator:
    """An ONNX generator of a model that is in torch already; everything it needs to start has been exported."""
    store = Store(folder)
    if store.read_facts() is None:
        export(model, MODEL, store)
    exporter = exporter or Inside(model, store)
    source = Source(str(model._folder))
    made = OnnxGenerator(source, store, providers_for("cpu"), 1, exporter, stand_in or StandIn(source, 1, model))
    if isinstance(exporter, Inside):
        exporter.owner = made
    return made


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert (difference <= 2).mean() >= 0.999
    assert difference.mean() <= 0.3


def moved(bend: Bend) -> list[float]:
    """Values away from neutral: halfway to the far end, and mostly wet."""
    values = []
    for parameter in bend.parameters[:-1]:
        low, high, rest = float(parameter.low), float(parameter.high), float(parameter.default)
        end = high if high - rest >= rest - low else low
        values.append(parameter.clamp(rest + 0.35 * (end - rest)))
    return [*values, 0.8]
