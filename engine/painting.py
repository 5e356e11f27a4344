"""The painter behind the `Generator` interface: the procedure that taught the built-in model, for comparison only."""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.bends.hooks import BendRuntime, CompiledPlan
from engine.bends.plan import BendPlan
from engine.devices import find_device
from engine.eager import EagerGenerator
from engine.generator import Wanted
from engine.measures import Measure, SiteInfo
from engine.noise import NoiseBank
from engine.sites import Meter
from engine.spec import FrameSpec, Picture
from engine.stream import Stream

__all__ = ["PaintedGenerator"]


class PaintedGenerator(EagerGenerator):
    """Paints pictures from noise and a caption, without any network.

    It can be bent only before and after: at ``latent.0`` and ``picture``. Captions cannot be blended, so the one of the
    greatest weight is painted. Steps, guidance, feedback and strength have no effect.
    """

    def __init__(self, device: torch.device) -> None:
        from engine.builtin.painter import paint

        self.model, self.device, self.dtype = "painter", device, torch.float32
        self.size = (256, 256)
        self._paint = paint
        self._factor, self._channels = 8, 4
        self._noises = NoiseBank()
        self._lock = threading.RLock()
        self._measures: dict[str, Measure] | None = None
        self._runtime = BendRuntime({}, self._known_measures, device)

    @classmethod
    def on(cls, device: str, threads: int | None) -> PaintedGenerator:
        """Make the painter ready on a device, with a number of threads; see `Generator.load`."""
        if threads is not None:
            torch.set_num_threads(max(1, threads))
        return cls(find_device(device))

    def embedding(self, text: str) -> np.ndarray:
        raise BadInput("the painter reads words and has no embeddings; use a model.")

    def keep(self, name: str, embedding: np.ndarray) -> None:
        raise BadInput("the painter reads words and can keep no embedding; use a model.")

    @property
    def paces(self) -> None:
        return None

    def sites(self) -> tuple[SiteInfo, ...]:
        width, height = self.size
        shapes = {"latent.0": self.latent_shape()[1:], "picture": (3, height, width)}
        return tuple(
            SiteInfo(address, address.split(".", maxsplit=1)[0], shapes[address], measure.sd)
            for address, measure in self._known_measures().items()
        )

    def _prepare(self, wanted: Wanted) -> None:
        for plan in wanted.plans:
            self._runtime.compile(plan)

    def _run(
        self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan, stream: Stream | None = None
    ) -> tuple[Tensor, Tensor]:
        if not spec.prompts:
            raise BadInput("a picture needs at least one prompt.")
        caption = max(spec.prompts, key=lambda prompt: prompt[1])[0]
        noise = torch.from_numpy(self._noises.start(spec, self.latent_shape())).to(self.device)
        width, height = self.size
        latent = plan.touch("latent.0", noise)
        picture = self._paint(latent, [caption], (height, width)) * 2 - 1
        return plan.touch("picture", picture), latent

    def _known_measures(self) -> dict[str, Measure]:
        with self._lock:
            if self._measures is None:
                meter = Meter()
                with torch.inference_mode():
                    meter(self._run(FrameSpec(), None, CompiledPlan(BendPlan(), {}, self.device))[0])
                self._measures = {"latent.0": Measure(self._channels, 1.0), "picture": meter.measure}
            return self._measures
