"""`GraphGenerator`: the model on a CUDA device, each plan's picture captured once as a CUDA graph."""

from __future__ import annotations

import logging
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch

from bentlight.errors import BadInput, BentlightError
from engine.bends.hooks import CompiledPlan
from engine.bends.plan import BendPlan
from engine.devices import find_device, lacks_memory
from engine.eager import EagerGenerator
from engine.generator import Wanted
from engine.ingredients import Ingredients
from engine.loading import Components
from engine.runtimes.capture import Capturer, CudaCapturer
from engine.runtimes.captured import CapturedPicture
from engine.spec import FrameSpec, Picture

__all__ = ["MOST_GRAPHS", "GraphGenerator"]

log = logging.getLogger(__name__)

MOST_GRAPHS = 16
"""Most graphs kept, each with the memory of one picture; the one that was not used for longest goes first."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What a graph is captured for; everything else may move from picture to picture."""

    plan: BendPlan
    size: tuple[int, int]
    steps: int
    guided: bool
    fed: bool
    late: bool = False


class GraphGenerator(EagerGenerator):
    """A model in torch whose pictures are captured.

    A plan is captured when it is prepared, or between two pictures when it is first played. Values that move are read
    by the graph where they lie. Bent weights are written before the graph is played, where it reads them. What cannot
    be captured is played eagerly, which is logged once.

    Parameters
    ----------
    parts, device, dtype
        See `EagerGenerator`.
    capturer : Capturer or None
        Instead of CUDA's.
    limit : int
        Most graphs kept.
    """

    runtime: ClassVar[str] = "graph"

    def __init__(
        self,
        parts: Components,
        device: torch.device,
        dtype: torch.dtype,
        capturer: Capturer | None = None,
        limit: int = MOST_GRAPHS,
    ) -> None:
        super().__init__(parts, device, dtype)
        self._capturer = capturer or CudaCapturer(device)
        self._limit = limit
        self._graphs: OrderedDict[_Key, CapturedPicture] = OrderedDict()
        self._refused: set[_Key] = set()
        self._told: set[tuple[BendPlan, tuple[int, int]]] = set()
        self._playing = "graph"

    @classmethod
    def open(cls, model: str, device: str = "auto", *args: Any, **options: Any) -> GraphGenerator:
        """Load a model; see `Generator.load`."""
        if find_device(device).type != "cuda":
            raise BadInput("the graph runtime needs an NVIDIA graphics device; use --runtime eager, onnx or auto.")
        generator = super().open(model, device, *args, **options)
        assert isinstance(generator, GraphGenerator)
        return generator

    @property
    def playing(self) -> str:
        return self._playing

    def resize(self, width: int, height: int) -> None:
        with self._lock:
            present = self.size
            super().resize(width, height)
            if self.size != present:
                # Memory is why sizes change most often.
                self._graphs.clear()
                self._refused.clear()
                self._free()

    def _prepare(self, wanted: Wanted) -> None:
        # Not in the scope: a kernel that another thread puts there would be captured with a picture.
        super()._prepare(replace(wanted, plans=()))
        steps, guidance = wanted.steps, wanted.guidance
        for plan in wanted.plans:
            with self._lock, self._scope(), torch.inference_mode():
                compiled = self._runtime.use(plan)
                alone = self.ingredients(FrameSpec(plan=plan, steps=steps, guidance=guidance))
                # A strength that moves is 1 at times, and the first picture has none to begin at.
                for late in (False, True) if wanted.late else (False,):
                    given = alone
                    if self._stream is not None and not late:
                        given = self._stream.alike(alone, self.schedule(steps))
                    fed = wanted.feedback or wanted.late
                    key = _Key(plan, self.size, steps, self._guided(guidance), fed, late)
                    self._obtain(key, compiled, given)

    def _scope(self) -> AbstractContextManager[Any]:
        return self._capturer.scope()

    def _made(self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan) -> tuple[np.ndarray, bool]:
        fed = previous is not None and spec.wants_previous
        late = fed and spec.strength < 1
        given, missing = self._joined(spec, self._stream, late)
        key = _Key(spec.plan, self.size, spec.steps, self._guided(spec.guidance), fed, late)
        graph = self._obtain(key, plan, given)
        if graph is None:
            self._playing = "eager"
            return self._seen(*self._painted(given, missing, spec, previous, plan))
        self._playing = "graph"
        pixels = previous.pixels if previous is not None and fed else None
        schedule = self.late_schedule(spec.steps, spec.strength) if late else None
        return graph.play(given, missing, pixels, self._entry(spec), schedule)

    def _obtain(self, key: _Key, plan: CompiledPlan, given: Ingredients) -> CapturedPicture | None:
        """Return a graph that plays what `key` says; None when there can be none."""
        # One that can be fed back plays pictures that are not, too: with a share of 0.
        for known in (key, replace(key, fed=True)):
            graph = self._graphs.get(known)
            if graph is not None and graph.plan is plan:
                self._graphs.move_to_end(known)
                return graph
        if key in self._refused:
            return None
        if "graph" not in key.plan.runtimes:
            names = [bend.name for bend in key.plan.bends if "graph" not in bend.runtimes]
            self._refuse(key, f"a CUDA graph cannot hold {', '.join(names)}")
            return None
        graph = self._try(key, plan, given)
        if graph is not None:
            self._graphs[key] = graph
            self._graphs.move_to_end(key)
            while len(self._graphs) > self._limit:
                self._graphs.popitem(last=False)
        return graph

    def _try(self, key: _Key, plan: CompiledPlan, given: Ingredients) -> CapturedPicture | None:
        try:
            try:
                return self._capture(key, plan, given)
            except RuntimeError as error:
                if not self._graphs or not lacks_memory(error):
                    raise
            self._graphs.clear()
            self._free()
            return self._capture(key, plan, given)
        except BentlightError:
            raise
        except Exception as error:
            # Whatever the driver, a library or a compiler raises: the show goes on without the graph.
            self._free()
            self._refuse(key, _reason(error))
            return None

    def _capture(self, key: _Key, plan: CompiledPlan, given: Ingredients) -> CapturedPicture:
        with nullcontext() if self._stream is None else self._stream.untouched():
            return CapturedPicture(self, self._capturer, plan, key.steps, given, key.fed, key.late)

    def _refuse(self, key: _Key, why: str) -> None:
        self._refused.add(key)
        if (key.plan, key.size) not in self._told:
            self._told.add((key.plan, key.size))
            log.warning("%s: played eagerly, without a CUDA graph: %s", key.plan, why)

    def _free(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def _reason(error: Exception) -> str:
    if lacks_memory(error):
        return "the device has no memory for it"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
