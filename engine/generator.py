"""`Generator`: a loaded few-step model that turns a `FrameSpec` into a `Picture`."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.bends.hooks import BendRuntime, CompiledPlan
from engine.bends.plan import BendPlan
from engine.devices import choose_dtype, enough_memory, find_device, native_bfloat16
from engine.loading import Components, load_components
from engine.noise import NoiseBank
from engine.pictures import HIGHEST_SIDE, LOWEST_SIDE, mixed_with, to_pixels, to_tensor
from engine.prompts import PromptSpace
from engine.sampling import MOST_STEPS, Sampler, denoise
from engine.sites import (
    Measure,
    Meter,
    SiteInfo,
    fingerprint,
    load_measures,
    measures_path,
    module_sites,
    save_measures,
)
from engine.spec import FrameSpec, Picture

__all__ = ["Generator"]

_UNBENT = BendPlan()
_MEASURING = (("", 1), ("a photograph", 2), ("blue and orange", 3), ("", 4))
"""Prompts and seeds over which the sites of a model are measured."""


class Generator:
    """A few-step diffusion model that can be bent from inside.

    Made by `load`. `render` may be called from one thread while another calls `prepare`.

    Attributes
    ----------
    model : str
        What was asked for in `load`.
    size : tuple of int
        Width and height of the pictures.
    device : torch.device
    dtype : torch.dtype
    """

    def __init__(self, parts: Components, device: torch.device, dtype: torch.dtype) -> None:
        self.model, self.device, self.dtype = parts.name, device, dtype
        self._folder = parts.folder
        self._unet = parts.unet.to(device=device, memory_format=torch.channels_last)
        self._vae = parts.vae.to(device=device, memory_format=torch.channels_last)
        self._decoder_dtype = dtype
        self._key = fingerprint(self._unet, self._vae)
        self._prompts = PromptSpace(parts.tokenizer, parts.text_encoder.to(device=device))
        self._noises = NoiseBank()
        self._sampler = Sampler(parts.scheduler, device)
        self._modules = module_sites(self._unet, self._vae)
        self._runtime = BendRuntime(self._modules, self._known_measures, device)
        self._measures: dict[str, Measure] | None = None
        self._shapes: dict[tuple[int, int], dict[str, Meter]] = {}
        # Reentrant: compiling a plan while rendering may have to measure the model first.
        self._lock = threading.RLock()
        config = self._unet.config
        self._factor = _enlargement(self._vae)
        self._channels = int(config.in_channels)
        side = config.sample_size or 64
        height, width = (side, side) if isinstance(side, int) else side
        self._native = (int(width) * self._factor, int(height) * self._factor)
        self.size = self._native

    @classmethod
    def load(
        cls,
        model: str = "builtin",
        *,
        size: tuple[int, int] | None = None,
        device: str = "auto",
        dtype: torch.dtype | str | None = None,
        threads: int | None = None,
        lora: str | None = None,
        tiny_autoencoder: str | None = None,
    ) -> Generator:
        """Load a model.

        Parameters
        ----------
        model : str
            ``builtin``; a folder in the diffusers layout; a hub id such as ``stabilityai/sd-turbo``; a single
            ``.safetensors`` file; or ``painter``, the procedure that taught the built-in model.
        size : tuple of int or None
            Width and height in pixels, multiples of 8; None takes the size the model was trained for.
        device : str
            ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype : torch.dtype, str or None
            None takes float16 on CUDA and float32 elsewhere, with a tiny autoencoder's decoder in bfloat16 on a CPU
            that has instructions for it (two to three times as fast, picture difference below 1 of 255 on average).
        threads : int or None
            Threads torch may use on the CPU; None leaves its own choice.
        lora : str or None
            A latent-consistency LoRA (file, folder or hub id); needs the package peft.
        tiny_autoencoder : str or None
            A tiny autoencoder (folder or hub id such as ``madebyollin/taesd``) to decode with.

        Raises
        ------
        ModelMissing
            If the model is not on this machine and cannot be fetched.
        BadInput
            If the model, the size or the device cannot be used.
        OutOfMemory
            If the device has not enough memory for the model.
        """
        if threads is not None:
            torch.set_num_threads(max(1, threads))
        place = find_device(device)
        if model == "painter":
            from engine.painting import PaintedGenerator

            generator: Generator = PaintedGenerator(place)
        else:
            kind = choose_dtype(dtype, place)
            with enough_memory("this model"):
                generator = cls(load_components(model, kind, lora, tiny_autoencoder), place, kind)
            if dtype is None and place.type == "cpu" and native_bfloat16() and generator.has_tiny_autoencoder:
                generator._decode_in_bfloat16()
        if size is not None:
            generator.resize(*size)
        return generator

    @property
    def has_tiny_autoencoder(self) -> bool:
        """Whether pictures are decoded by an `AutoencoderTiny`."""
        return type(self._vae).__name__ == "AutoencoderTiny"

    def resize(self, width: int, height: int) -> None:
        """Make pictures of another size from now on.

        Raises
        ------
        BadInput
            If a side is no multiple of 8, or out of range.
        """
        step = max(8, self._factor)
        for word, side in (("width", width), ("height", height)):
            if side != int(side) or side % step or not LOWEST_SIDE <= side <= HIGHEST_SIDE:
                raise BadInput(
                    f"the {word} is {side}; it must be a multiple of {step} from {LOWEST_SIDE} to {HIGHEST_SIDE}."
                )
        with self._lock:
            self.size = (int(width), int(height))
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def sites(self) -> tuple[SiteInfo, ...]:
        """Return every site of this model with its shape at the present size and its measured standard deviation."""
        measures = self._known_measures()
        with self._lock:
            if self.size not in self._shapes:
                self._shapes[self.size] = self._watch(((_MEASURING[0]),), self.size)
            meters = self._shapes[self.size]
        return tuple(
            SiteInfo(
                address,
                _kind(address),
                meters[address].shape if address in meters else (self._channels, *self._latent_shape()[2:]),
                measure.sd,
                self._modules[address].note if address in self._modules else "",
            )
            for address, measure in measures.items()
        )

    def prepare(self, prompts: Iterable[str] = (), plans: Iterable[BendPlan] = ()) -> None:
        """Encode prompts and compile plans ahead, so that using them costs the picture loop nothing.

        Raises
        ------
        BadInput
            If a plan names a site or channels that this model lacks.
        """
        with torch.inference_mode():
            for text in prompts:
                self._prompts.encode(text)
        for plan in plans:
            self._runtime.compile(plan)

    def render(self, spec: FrameSpec, previous: Picture | None = None) -> Picture:
        """Make one picture.

        The same spec and previous picture give the same pixels on one device, version and thread count.

        Parameters
        ----------
        spec : FrameSpec
        previous : Picture or None
            The picture that ``spec.feedback`` mixes into the starting latent.

        Raises
        ------
        BadInput
            If the spec cannot be played by this model.
        OutOfMemory
            If the device has not enough memory for this size; `resize` and go on.
        """
        width, height = self.size
        with self._lock, torch.inference_mode(), enough_memory(f"pictures of {width} x {height}"):
            plan = self._runtime.use(spec.plan)
            plan.write(spec.values)
            return Picture(to_pixels(self._run(spec, previous, plan)), spec.time_s, spec)

    def _run(self, spec: FrameSpec, previous: Picture | None, plan: CompiledPlan) -> Tensor:
        """Make one picture as a tensor (1, 3, height, width), -1 to 1."""
        shape = self._latent_shape()
        schedule = self._sampler.schedule(spec.steps)
        start = self._noises.start(spec, shape).to(self.device)
        if previous is not None and spec.feedback > 0:
            start = mixed_with(start, self._encode(previous), min(spec.feedback, 1.0))

        def fresh(index: int) -> Tensor:
            return self._noises.step(spec, shape, index).to(self.device)

        latent = denoise(start, schedule, self._predictor(spec, plan), fresh, plan.touch)
        return plan.touch("picture", self._decode(latent))

    def _predictor(self, spec: FrameSpec, plan: CompiledPlan) -> Any:
        """Return the network as a function of (scaled latent, timestep), guided if the spec asks for it."""
        if not math.isfinite(spec.guidance):
            raise BadInput("the guidance scale must be a finite number.")
        # (batch, tokens, width) is bent as (batch, width, tokens, 1), so that channels mean the same as elsewhere.
        text = self._prompts.blend(spec.prompts)
        text = plan.touch("text", text.transpose(1, 2).unsqueeze(-1)).squeeze(-1).transpose(1, 2)
        embedded = self._unet.config.time_cond_proj_dim
        condition = None
        if embedded is not None:
            condition = guidance_embedding(spec.guidance, embedded).to(self.device, self.dtype)
        guided = spec.guidance > 1 and embedded is None
        if guided:
            text = torch.cat((self._prompts.encode(""), text))

        def predict(x: Tensor, timestep: Tensor) -> Tensor:
            x = x.to(self.dtype)
            if not guided:
                return self._unet(x, timestep, text, timestep_cond=condition, return_dict=False)[0]
            without, with_text = self._unet(torch.cat((x, x)), timestep, text, return_dict=False)[0].chunk(2)
            return without + spec.guidance * (with_text - without)

        return predict

    def _decode(self, latent: Tensor) -> Tensor:
        config = self._vae.config
        scaled = latent / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
        return self._vae.decode(scaled.to(self._decoder_dtype), return_dict=False)[0].float()

    def _decode_in_bfloat16(self) -> None:
        """Let a tiny autoencoder decode in bfloat16; its encoder and the UNet stay as they are."""
        self._vae.decoder.to(torch.bfloat16)
        self._decoder_dtype = torch.bfloat16

    def _encode(self, picture: Picture) -> Tensor:
        config = self._vae.config
        pixels = to_tensor(picture.pixels, self.size).to(self.device, self.dtype)
        encoded = self._vae.encode(pixels)
        latent = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return (latent.float() - (getattr(config, "shift_factor", None) or 0.0)) * config.scaling_factor

    def _latent_shape(self) -> tuple[int, int, int, int]:
        width, height = self.size
        return (1, self._channels, height // self._factor, width // self._factor)

    def _known_measures(self) -> dict[str, Measure]:
        """Channels and standard deviation of every site: kept from an earlier run, or measured now, once per model."""
        with self._lock:
            if self._measures is not None:
                return self._measures
            key = self._key
            shipped = None if self._folder is None else load_measures(self._folder / "sites.json", key)
            found = shipped or load_measures(measures_path(key), key)
            if found is None or not set(found) >= set(self._modules):
                # At the size the model was trained for, so that a value means the same at every other size.
                meters = self._watch(_MEASURING, self._native)
                found = self._ordered({address: meter.measure for address, meter in meters.items()})
                save_measures(measures_path(key), key, found)
            self._measures = found
            return found

    def _watch(self, prompts: Iterable[tuple[str, int]], size: tuple[int, int]) -> dict[str, Meter]:
        """Render unbent pictures and return what passed at every site."""
        meters: dict[str, Meter] = {}
        present = self.size
        self._runtime.use(_UNBENT)
        handles = []
        for address, site in self._modules.items():
            meters[address] = Meter()
            handles.append(site.attach(meters[address]))
        watching = _Watching(meters, self.device)
        width, height = size
        try:
            self.size = size
            with torch.inference_mode(), enough_memory(f"pictures of {width} x {height}"):
                for text, seed in prompts:
                    self._run(FrameSpec(prompts=((text, 1.0),), seed=seed), None, watching)
        finally:
            self.size = present
            for handle in handles:
                handle.remove()
        return meters

    def _ordered(self, measured: dict[str, Measure]) -> dict[str, Measure]:
        """Sites in the order in which a picture passes them; latents between steps scale with the scheduler's noise."""
        between = {
            f"latent.{i}": Measure(self._channels, self._sampler.schedule(MOST_STEPS).steps[i].spread)
            for i in range(MOST_STEPS)
        }
        inside = {a: measured[a] for a in self._modules}
        unet = {a: m for a, m in inside.items() if a.startswith("unet")}
        decoder = {a: m for a, m in inside.items() if a.startswith("decoder")}
        return {
            "text": measured["text"],
            **between,
            **unet,
            "latent.end": measured["latent.end"],
            **decoder,
            "picture": measured["picture"],
        }


class _Watching(CompiledPlan):
    """A plan without bends that shows meters what passes at the generator's own sites."""

    def __init__(self, meters: dict[str, Meter], device: torch.device) -> None:
        super().__init__(_UNBENT, {}, device)
        self._meters = meters

    def touch(self, site: str, x: Tensor, sd: float | None = None) -> Tensor:
        return self._meters.setdefault(site, Meter())(x)


def guidance_embedding(guidance: float, width: int) -> Tensor:
    """Sinusoidal embedding (1, width) of a guidance scale, for networks distilled with guidance as an input.

    Luo et al. 2023, Latent Consistency Models, with the scale counted from 1 and multiplied by 1000.
    """
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000.0) / (half - 1)))
    angles = 1000 * (max(guidance, 1.0) - 1) * frequencies
    embedding = torch.cat((torch.sin(angles), torch.cos(angles)))
    return torch.nn.functional.pad(embedding, (0, width % 2))[None]


def _enlargement(vae: Any) -> int:
    """How many pixels wide the decoder makes one latent pixel."""
    if hasattr(vae.decoder, "up_blocks"):
        return 2 ** (len(vae.config.block_out_channels) - 1)
    factors: list[Any] = [m.scale_factor for m in vae.decoder.layers if isinstance(m, torch.nn.Upsample)]
    return math.prod(int(factor) for factor in factors)


def _kind(address: str) -> str:
    return address.split(".", maxsplit=1)[0]
