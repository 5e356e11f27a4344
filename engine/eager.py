"""`EagerGenerator`: the model in torch, any device, any operator; other runtimes are traced from its `paint`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from engine.bends.hooks import BendRuntime, CompiledPlan
from engine.bends.plan import BendPlan
from engine.checks import check_previous, check_spec, checked_size
from engine.compiling import compile_blocks, uncompiled
from engine.devices import choose_dtype, enough_memory, fast_bfloat16, find_device
from engine.errors import NotFinite, OutOfMemory
from engine.feedback import mixed_with
from engine.generator import Generator, Wanted
from engine.guidance import guidance_embedding
from engine.ingredients import Ingredients
from engine.loading import Components, load_components
from engine.measures import Measure, SiteInfo, cached
from engine.measuring import Survey, in_float32
from engine.networks import SizeIds, decoded, encoded, enlargement, predictor
from engine.noise import NoiseBank
from engine.paces import Paces
from engine.pictures import finite, to_pixels, to_tensor
from engine.prompts import PromptSpace
from engine.sampling import MOST_STEPS, Sampler, Schedule, denoise
from engine.sites import fingerprint, module_sites
from engine.spec import FrameSpec, Picture
from engine.steps import Step
from engine.stream import Stream, denoise_batch
from engine.witness import Witness

__all__ = ["EagerGenerator"]

_UNBENT = BendPlan()
_ADVICE = "close what else uses it, or choose a smaller model or the device cpu"


class EagerGenerator(Generator):
    """A model in torch.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
    """

    runtime: ClassVar[str] = "eager"
    _stream: Stream | None = None

    def __init__(self, parts: Components, device: torch.device, dtype: torch.dtype) -> None:
        self.model, self.device, self.dtype = parts.name, device, dtype
        self.text = parts.text.to(device)
        self._folder = parts.folder
        self._unet = parts.unet.to(device=device, memory_format=torch.channels_last)
        self._vae = parts.vae.to(device=device, memory_format=torch.channels_last)
        self._decoder_dtype = dtype
        self._zero_empty = parts.zero_empty
        self._size_ids = SizeIds(dtype, device)
        self._prompts = self._measuring = PromptSpace(self.text, zero_empty=parts.zero_empty)
        self._paces = Paces(self._paces_path)
        self._noises = NoiseBank()
        self._sampler = Sampler(parts.scheduler, device)
        self._modules = module_sites(self._unet, self._vae)
        self._runtime = BendRuntime(self._modules, self._known_measures, device)
        # Reentrant: compiling a plan while rendering may have to measure the model first.
        self._lock = threading.RLock()
        config = self._unet.config
        self._factor = enlargement(self._vae)
        self._channels = int(config.in_channels)
        side = config.sample_size or 64
        height, width = (side, side) if isinstance(side, int) else side
        self._native = (int(width) * self._factor, int(height) * self._factor)
        self.size = self._native
        # What weights were that have been rounded since.
        self._exact: dict[nn.Parameter, Tensor] = {}
        self._survey = Survey(
            self._modules,
            self._sampler,
            self._paint_unbent,
            self._native,
            self._exactly,
            self._key,
            self._folder,
            device,
        )

    def _key(self) -> str:
        """Name of the networks as they paint, in the types that they are in by then."""
        return fingerprint(self._unet, self._vae, *self.text.encoders)

    def _paces_path(self) -> Path:
        with self._lock:
            return cached("paces", self._survey.key)

    @classmethod
    def open(
        cls,
        model: str,
        device: str = "auto",
        dtype: torch.dtype | str | None = None,
        threads: int | None = None,
        lora: str | None = None,
        tiny_autoencoder: str | None = None,
        *,
        stream: bool = False,
        compiled: bool = False,
    ) -> EagerGenerator:
        """Load a model; see `Generator.load`."""
        if threads is not None:
            torch.set_num_threads(max(1, threads))
        place = find_device(device)
        kind = choose_dtype(dtype, place)
        # Networks draw weights before they are read: the caller's random numbers are not to depend on that.
        with enough_memory("this model", _ADVICE), torch.random.fork_rng(devices=[]):
            generator = cls(load_components(model, kind, lora, tiny_autoencoder), place, kind)
        if dtype is None and place.type == "cpu" and fast_bfloat16() and generator.has_tiny_autoencoder:
            generator._decode_in_bfloat16()
        if generator.text.pooled and kind == torch.float16 and not generator.has_tiny_autoencoder:
            # The XL autoencoder overflows in half precision.
            generator._vae.to(torch.float32)
            generator._decoder_dtype = torch.float32
        if stream:
            generator.stream()
        if compiled:
            compile_blocks(*generator.networks)
        return generator

    def stream(self) -> None:
        """Make pictures of several steps by stream batch from now on; see `engine.stream`."""
        self._stream = Stream(self.device)

    @property
    def has_tiny_autoencoder(self) -> bool:
        """Whether pictures are decoded by an `AutoencoderTiny`."""
        return type(self._vae).__name__ == "AutoencoderTiny"

    @property
    def networks(self) -> tuple[Any, Any]:
        """The UNet and the autoencoder."""
        return self._unet, self._vae

    @property
    def site_addresses(self) -> tuple[str, ...]:
        """Sites inside the networks, in the order in which a picture passes them."""
        return tuple(self._modules)

    @property
    def condition_width(self) -> int | None:
        """Width of the guidance embedding that the network takes; None when it takes none."""
        return self._unet.config.time_cond_proj_dim

    @property
    def embedding_shape(self) -> tuple[int, int]:
        """Tokens and width of a prompt's embedding."""
        _, tokens, width = self._prompts.encode("").shape
        return tokens, width

    def schedule(self, steps: int) -> Schedule:
        """Return the schedule of so many steps."""
        return self._sampler.schedule(steps)

    def late_schedule(self, steps: int, strength: float) -> Schedule:
        """Return the schedule of so many steps that begin at a picture."""
        return self._sampler.late(steps, strength)

    def late_steps(self, steps: int) -> tuple[Step, ...]:
        """Return the steps of a picture that begins half-way to another."""
        return self._sampler.late(steps, 0.5).steps

    def use(self, plan: BendPlan) -> CompiledPlan:
        """Bend the networks by `plan` from now on."""
        return self._runtime.use(plan)

    def facts(self) -> dict[str, Any]:
        """Return what a runtime without torch has to know of the model, as what JSON can hold."""
        with self._lock:
            infos, measures = self._survey.infos(self._native), self._survey.measures(self._native)
        return {
            "zero_empty": self._zero_empty,
            "native": list(self._native),
            "factor": self._factor,
            "channels": self._channels,
            "condition": self.condition_width,
            "sites": [{**asdict(info), **asdict(measures[info.address])} for info in infos],
            "most_steps": MOST_STEPS,
            "levels": asdict(self._sampler.levels),
        }

    def resize(self, width: int, height: int) -> None:
        size = checked_size(width, height, max(8, self._factor))
        with self._lock:
            if size == self.size:
                return
            self.size = size
            self._runtime.forget_sizes()
            if self._stream is not None:
                self._stream.forget()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def embedding(self, text: str) -> np.ndarray:
        with torch.inference_mode():
            return self._prompts.shown(text)

    def keep(self, name: str, embedding: np.ndarray) -> None:
        with torch.inference_mode():
            self._prompts.keep(name, embedding)

    @property
    def paces(self) -> Paces | None:
        # A picture of a stream is finished later than it is asked for, and depends on those before.
        return self._paces if self._stream is None else None

    def sites(self) -> tuple[SiteInfo, ...]:
        with self._lock:
            return self._survey.infos(self.size)

    def _prepare(self, wanted: Wanted) -> None:
        with torch.inference_mode():
            for text in wanted.prompts:
                self._prompts.encode(text)
        for plan in wanted.plans:
            compiled = self._runtime.compile(plan)
            if compiled.seats:
                self._settle(compiled)

    def _settle(self, plan: CompiledPlan) -> None:
        """Make what bends need for this size before the first picture under their plan; without memory, with it.

        The first time at a size a picture is painted for the shapes of the sites, and one that is wanted waits for it.
        """
        with suppress(OutOfMemory), torch.inference_mode(), enough_memory("what bends keep for a size"):
            with self._lock:
                shapes = {info.address: info.shape for info in self._survey.infos(self.size)}
                types = {"text": self.dtype, "unet": self.dtype, "decoder": self._decoder_dtype}
            plan.settle(shapes, types)

    def render(self, spec: FrameSpec, previous: Picture | None = None) -> Picture:
        check_spec(spec)
        check_previous(previous)
        width, height = self.size
        with self._lock, self._scope(), torch.inference_mode(), enough_memory(f"pictures of {width} x {height}"):
            plan = self._runtime.use(spec.plan)
            plan.write(spec.values)
            pixels, sound = self._made(spec, previous, plan)
            if not sound:
                bend = self._culprit(spec, previous, plan)
                # In a stream, what broke may be an older picture, under bends that have gone back since.
                raise NotFinite(bend, unbent=not plan.moved and self._stream is None)
            if self._stream is not None:
                self._stream.settled()
            return Picture(pixels, spec.time_s, spec)

    def _scope(self) -> AbstractContextManager[Any]:
        """Where the device's work is queued."""
        return nullcontext()

    def _made(self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan) -> tuple[np.ndarray, bool]:
        """Return a picture's pixels, and whether all of it is finite."""
        return self._seen(*self._run(spec, previous, plan, self._stream))

    def _seen(self, picture: Tensor, latents: Tensor) -> tuple[np.ndarray, bool]:
        sound = finite(picture, latents)
        # Read after the pixels, which have to be waited for anyway.
        return to_pixels(picture), bool(sound)

    def paint(self, ingredients: Ingredients, plan: CompiledPlan, steps: int) -> tuple[Tensor, Tensor]:
        """Paint one picture.

        Parameters
        ----------
        ingredients : Ingredients
        plan : CompiledPlan
            The plan in use, its bank written.
        steps : int

        Returns
        -------
        (Tensor, Tensor)
            The picture (1, 3, height, width), -1 to 1, and the latents that are to be finite with it, both float32: the
            one it was decoded from, and in a stream batch those under way behind it.
        """
        predict = predictor(self._unet, ingredients, plan.touch, self.text.pooled, lambda: self._size_ids(self.size))
        schedule = ingredients.schedule or self._sampler.schedule(steps)
        start, fresh, waiting = ingredients.start, ingredients.fresh, ingredients.waiting
        if waiting is None:
            latent = made = denoise(start, schedule, predict, fresh, plan.touch)
        else:
            latent = denoise_batch(start, waiting, schedule, predict, fresh, plan.touch)
            made = torch.cat((latent, waiting))
        return plan.touch("picture", decoded(self._vae, latent, self._decoder_dtype)), made

    def fed_back(
        self,
        start: Tensor,
        pixels: Tensor,
        share: float | Tensor,
        of_picture: float | Tensor = 0.0,
        of_noise: float | Tensor = 1.0,
    ) -> Tensor:
        """Return a starting latent that a picture takes part in.

        Parameters
        ----------
        start : Tensor
            Starting noise, (1, channel, height, width).
        pixels : Tensor
            The picture, (1, 3, height, width), -1 to 1.
        share : float or 0-d Tensor
            0 to 1: how much of it is mixed into the noise.
        of_picture, of_noise : float or 0-d Tensor
            Amplitudes of the picture's latent and of that noise in the result; see `NoiseLevels.entry`.
        """
        latent = encoded(self._vae, pixels, self.device)
        return of_picture * latent + of_noise * mixed_with(start, latent, share)

    def broken_bend(self, spec: FrameSpec, previous: Picture | None = None) -> str | None:
        """Return the name of the bend that breaks this picture, which came out with values that are not finite."""
        with self._lock, self._scope(), torch.inference_mode():
            plan = self._runtime.use(spec.plan)
            plan.write(spec.values)
            return self._culprit(spec, previous, plan)

    def _culprit(self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan) -> str | None:
        witness = Witness()
        with witness.watching(plan):
            self._run(spec, previous, plan)
        return witness.culprit

    def _run(
        self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan, stream: Stream | None = None
    ) -> tuple[Tensor, Tensor]:
        """Paint what a spec asks for; see `paint`. In a stream, it is begun, and the one that is due is finished."""
        late = previous is not None and spec.strength < 1
        ingredients, missing = self._joined(spec, stream, late)
        return self._painted(ingredients, missing, spec, previous, plan)

    def ingredients(self, spec: FrameSpec, prompts: PromptSpace | None = None) -> Ingredients:
        """Return what a spec's picture is painted from, on the CPU, without feedback.

        Parameters
        ----------
        spec : FrameSpec
        prompts : PromptSpace or None
            Instead of the model's own.

        Raises
        ------
        BadInput
            If the spec cannot be played by this model.
        """
        prompts = prompts or self._prompts
        shape, width = self.latent_shape(), self.condition_width
        condition = None if width is None else torch.from_numpy(guidance_embedding(spec.guidance, width))
        return Ingredients(
            torch.from_numpy(self._noises.start(spec, shape)),
            self._embedding(prompts.blend(spec.prompts, spec.blending)),
            lambda index: torch.from_numpy(self._noises.step(spec, shape, index)),
            self._embedding(prompts.empty()) if self._guided(spec.guidance) else None,
            spec.guidance,
            None if condition is None else condition.to(self.dtype),
        )

    def _guided(self, guidance: float) -> bool:
        return guidance > 1 and self.condition_width is None

    def _joined(self, spec: FrameSpec, stream: Stream | None, late: bool) -> tuple[Ingredients, int]:
        """Return what has to be painted, and how often before it counts: more than never only as a stream begins."""
        newest, schedule = self.ingredients(spec), self.schedule(spec.steps)
        if stream is None:
            return newest, 0
        if late:
            stream.interrupt()
            return newest, 0
        return stream.join(newest, (spec.plan, self.size, spec.steps, self._guided(spec.guidance)), schedule)

    def _entry(self, spec: FrameSpec) -> tuple[float, float, float]:
        """Share of the picture before in the noise, and the amplitudes of it and of that noise; see `fed_back`."""
        late = self._sampler.levels.entry(spec.steps, spec.strength) if spec.strength < 1 else (0.0, 1.0)
        return (min(max(spec.feedback, 0.0), 1.0), *late)

    def _painted(
        self, ingredients: Ingredients, missing: int, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan
    ) -> tuple[Tensor, Tensor]:
        placed = ingredients.on(self.device)
        if previous is not None and spec.wants_previous:
            start = self.fed_back(placed.start, to_tensor(previous.pixels, self.size), *self._entry(spec))
            schedule = self._sampler.late(spec.steps, spec.strength) if spec.strength < 1 else None
            placed = replace(placed, start=start, schedule=schedule)
        for _ in range(missing):
            self.paint(placed, plan, spec.steps)
        return self.paint(placed, plan, spec.steps)

    def _embedding(self, embedding: np.ndarray) -> Tensor:
        return torch.from_numpy(embedding).to(self.dtype)

    def _decode_in_bfloat16(self) -> None:
        """Let a tiny autoencoder decode in bfloat16; its encoder and the UNet stay as they are."""
        self._exact |= {weight: weight.data for weight in self._vae.decoder.parameters()}
        self._vae.decoder.to(torch.bfloat16)
        self._decoder_dtype = torch.bfloat16

    def latent_shape(self) -> tuple[int, int, int, int]:
        """Return (1, channel, height, width) of a latent at the present size."""
        width, height = self.size
        return (1, self._channels, height // self._factor, width // self._factor)

    def _known_measures(self) -> dict[str, Measure]:
        """Channels and standard deviation of every site."""
        with self._lock:
            return self._survey.measures(self.size)

    def _paint_unbent(self, spec: FrameSpec, size: tuple[int, int], plan: CompiledPlan) -> None:
        """Paint a picture that nobody sees, of another size than usual."""
        present = self.size
        self._runtime.use(_UNBENT)
        width, height = size
        try:
            self.size = size
            with self._scope(), torch.inference_mode(), enough_memory(f"pictures of {width} x {height}"):
                self._painted(self.ingredients(spec, self._measuring), 0, spec, None, plan)
        finally:
            self.size = present

    @contextmanager
    def _exactly(self) -> Iterator[None]:
        """Paint unbent pictures in float32, whatever is played."""
        self._runtime.use(_UNBENT)
        types, prompts = (self.dtype, self._decoder_dtype), self._measuring
        with self._scope(), in_float32(self.networks, self._exact), uncompiled():
            try:
                if self.dtype != torch.float32:
                    with enough_memory("the text encoder in float32"):
                        self._measuring = PromptSpace(self.text.in_float32(), zero_empty=self._zero_empty)
                self.dtype = self._decoder_dtype = torch.float32
                yield
            finally:
                (self.dtype, self._decoder_dtype), self._measuring = types, prompts
