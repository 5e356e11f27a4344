"""`StandIn`: the model in torch beside ONNX Runtime, for what has no graph (yet). Imports torch when it is needed."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.bends.plan import BendPlan
from engine.runtimes.source import Source
from engine.spec import FrameSpec, Picture

if TYPE_CHECKING:
    import numpy as np

    from engine.eager import EagerGenerator

__all__ = ["StandIn"]

log = logging.getLogger(__name__)


_PATIENCE_S = 10.0


def _begun(work: Callable[[], None], name: str) -> threading.Thread:
    """Start work that need not be finished when the program ends, but is not to be cut off at once.

    A thread that comes out of torch while the interpreter shuts down is ended inside C++, which aborts the process.
    """

    def run() -> None:
        work()
        atexit.unregister(thread.join)

    thread = threading.Thread(target=run, name=name, daemon=True)
    atexit.register(thread.join, _PATIENCE_S)
    thread.start()
    return thread


class StandIn:
    """A model in torch, loaded when it is first needed.

    Parameters
    ----------
    source : Source
    threads : int or None
        Threads of one picture.
    model : EagerGenerator or None
        One that is loaded already.
    """

    def __init__(self, source: Source, threads: int | None, model: EagerGenerator | None = None) -> None:
        self._source, self._threads = source, threads
        self._model = model
        self._size: tuple[int, int] | None = None
        self._loader: threading.Thread | None = None
        # `_sizing` is never held while the model is loaded, which takes seconds.
        self._loading, self._sizing = threading.Lock(), threading.Lock()
        self._broken: dict[BendPlan, str | None] = {}
        self._search: threading.Thread | None = None
        self._named: dict[str, np.ndarray] = {}

    @property
    def loaded(self) -> bool:
        """Whether it plays at once."""
        return self._model is not None

    def model(self) -> EagerGenerator:
        """Return the model; the first time it is loaded, which takes seconds."""
        with self._loading:
            if self._model is None:
                from engine.eager import EagerGenerator

                source = self._source
                model = EagerGenerator.open(
                    source.model, "cpu", None, self._threads, source.lora, source.tiny_autoencoder
                )
                with self._sizing:
                    if self._size is not None:
                        model.resize(*self._size)
                    for name, embedding in self._named.items():
                        model.keep(name, embedding)
                    self._model = model
            return self._model

    def load_behind(self) -> bool:
        """Have the model loaded on a thread of its own; False if that has been begun already."""
        if self._loader is not None:
            return False

        def load() -> None:
            try:
                self.model()
            except Exception as error:
                log.warning("torch cannot play what has no graph: %s", error)

        self._loader = _begun(load, "loading in torch")
        return True

    def resize(self, width: int, height: int) -> None:
        """Make pictures of another size from now on."""
        with self._sizing:
            if self._model is not None:
                self._model.resize(width, height)
            self._size = (width, height)

    def keep(self, name: str, embedding: np.ndarray) -> None:
        """Take an embedding under a name, now or when the model is loaded."""
        with self._sizing:
            if self._model is not None:
                self._model.keep(name, embedding)
            self._named[name] = embedding

    def culprit(self, spec: FrameSpec, previous: Picture | None) -> str | None:
        """Name the bend that broke a picture; None until a thread that asks the model has found it."""
        plan = spec.plan
        if plan in self._broken:
            return self._broken[plan]
        if self._search is not None and self._search.is_alive():
            return None
        self._broken[plan] = None

        def find() -> None:
            try:
                found = self.model().broken_bend(spec, previous)
                if plan in self._broken:
                    self._broken[plan] = found
            except Exception as error:
                log.warning("which of %s breaks the picture cannot be found: %s", plan, error)

        self._search = _begun(find, "search for a broken bend")
        return None

    def forget_culprit(self, plan: BendPlan) -> None:
        """Pictures under a plan are sound again: what breaks the next may be another bend."""
        self._broken.pop(plan, None)
