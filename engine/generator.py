"""`Generator`: what every runtime of a model is to the rest of the program, and how one is loaded. Needs no torch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from bentlight.errors import BadInput
from engine.bends.plan import BendPlan
from engine.checks import (
    check_steps,
    checked_place,
    checked_plans,
    checked_sides,
    checked_texts,
    checked_threads,
    whole_number,
)
from engine.paces import Pace, Paces, measured, pair_key
from engine.runtimes.providers import ONNX_ONLY, graphics_device
from engine.spec import FrameSpec, Picture

if TYPE_CHECKING:
    import numpy as np
    import torch

    from engine.measures import SiteInfo

__all__ = ["RUNTIMES", "Generator", "Runtime", "Wanted"]

Runtime = Literal["auto", "eager", "graph", "onnx"]
RUNTIMES: tuple[Runtime, ...] = ("auto", "eager", "graph", "onnx")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made ready; see `Generator.prepare`."""

    prompts: tuple[str, ...]
    plans: tuple[BendPlan, ...]
    steps: int
    guidance: float
    feedback: bool
    late: bool
    wait: bool


class Generator(ABC):
    """A few-step diffusion model that can be bent from inside.

    Made by `load`. `render` may be called from one thread while another calls `prepare`.

    The same spec and previous picture give the same pixels on one device, runtime, version and thread count; two
    runtimes agree within 2 of 255 on 99.9 % of the values.

    Attributes
    ----------
    model : str
        What was asked for in `load`.
    size : tuple of int
        Width and height of the pictures.
    runtime : str
        ``eager``, ``graph`` or ``onnx``. A runtime that is getting ready may let another play for it; see `playing`.
    """

    runtime: ClassVar[str]
    model: str
    size: tuple[int, int]

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] = "builtin",
        *,
        size: tuple[int, int] | None = None,
        device: str = "auto",
        dtype: torch.dtype | str | None = None,
        threads: int | None = None,
        lora: str | os.PathLike[str] | None = None,
        tiny_autoencoder: str | os.PathLike[str] | None = None,
        runtime: str = "auto",
        stream: bool = False,
        compiled: bool = False,
    ) -> Generator:
        """Load a model.

        Parameters
        ----------
        model : str or path
            ``builtin``; a folder in the diffusers layout; a hub id such as ``stabilityai/sd-turbo``; a single
            ``.safetensors`` file; or ``painter``, the procedure that taught the built-in model.
        size : tuple of int or None
            Width and height in pixels, multiples of 8; None takes the size the model was trained for.
        device : str
            ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; with ONNX Runtime also ``tensorrt``, ``coreml``, ``dml``.
        dtype : torch.dtype, str or None
            None takes float16 on CUDA and float32 elsewhere, with a tiny autoencoder's decoder in bfloat16 on a CPU
            that has instructions for it (two to three times as fast, picture difference below 1 of 255 on average).
            ONNX Runtime plays float32 only.
        threads : int or None
            Threads the model may use on the CPU; None leaves the runtime its own choice. In torch it is the number of
            threads of the whole process, of everything that uses torch.
        lora : str, path or None
            A latent-consistency LoRA (file, folder or hub id).
        tiny_autoencoder : str, path or None
            A tiny autoencoder (folder or hub id such as ``madebyollin/taesd``) to decode with.
        runtime : str
            ``eager`` runs the model in torch, on any device; ``graph`` does so on a CUDA device, each plan captured as
            a CUDA graph; ``onnx`` runs it in ONNX Runtime, which needs no torch once the model has been exported;
            ``auto`` is ``graph`` on a CUDA device, ``onnx`` for the built-in model where there is no graphics device,
            else ``eager``.
        stream : bool
            Make pictures of n steps by stream batch: n successive pictures in one pass of the network, each finished
            n - 1 pictures late; see `engine.stream`. Pictures then depend on those before, not on their spec alone.
            Not in ONNX Runtime.
        compiled : bool
            Compile the blocks of the networks with ``torch.compile``, which takes a minute or more at the first picture
            of each size. Not in ONNX Runtime.

        Raises
        ------
        ModelMissing
            If the model is not on this machine and cannot be fetched.
        BadInput
            If the model, the size, the device or the runtime cannot be used.
        OutOfMemory
            If the device has not enough memory for the model.
        """
        sides = None if size is None else checked_sides(size)
        model = checked_place(model, "the model")
        lora = None if lora is None else checked_place(lora, "the LoRA")
        if tiny_autoencoder is not None:
            tiny_autoencoder = checked_place(tiny_autoencoder, "the tiny autoencoder")
        threads = checked_threads(threads)
        generator = _loaded(model, device, dtype, threads, lora, tiny_autoencoder, runtime, stream, compiled)
        if sides is not None:
            generator.resize(*sides)
        return generator

    @property
    def playing(self) -> str:
        """The runtime that made the last picture."""
        return self.runtime

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Make pictures of another size from now on.

        Raises
        ------
        BadInput
            If a side is no multiple of 8, or out of range.
        """

    @abstractmethod
    def embedding(self, text: str) -> np.ndarray:
        """Return the embedding of a text: float32, shape (1, tokens, width), not to be written to.

        Raises
        ------
        BadInput
            If the model has none.
        """

    @abstractmethod
    def keep(self, name: str, embedding: np.ndarray) -> None:
        """Take an embedding under a name, which from then on stands for it wherever a prompt's text does.

        So what was saved, measured or mixed elsewhere can be travelled to like any prompt.

        Parameters
        ----------
        name : str
        embedding : ndarray, shape (1, tokens, width)

        Raises
        ------
        BadInput
            If it has not the shape of `embedding`, or is not finite.
        """

    @abstractmethod
    def sites(self) -> tuple[SiteInfo, ...]:
        """Return every site of this model with its shape at the present size and its measured standard deviation."""

    def prepare(
        self,
        prompts: Iterable[str] = (),
        plans: Iterable[BendPlan] = (),
        *,
        steps: int = 1,
        guidance: float = 1.0,
        feedback: bool = False,
        late: bool = False,
        wait: bool = False,
    ) -> None:
        """Encode prompts and compile plans ahead, so that using them costs the picture loop nothing.

        Parameters
        ----------
        prompts : iterable of str
        plans : iterable of BendPlan
        steps, guidance : int, float
            Denoising steps and guidance scale that the plans will be played with.
        feedback : bool
            Whether they will be played with feedback.
        late : bool
            Whether they will be played with a strength below 1.
        wait : bool
            Return only when everything is as ready as it will be, so that no picture is made in another runtime first.

        Raises
        ------
        BadInput
            If a plan names a site or channels that this model lacks, or a latent beyond the last of `steps`.
        """
        steps = whole_number(steps, "steps")
        wanted = Wanted(
            checked_texts(prompts), checked_plans(plans), steps, float(guidance), bool(feedback), bool(late), bool(wait)
        )
        for plan in wanted.plans:
            check_steps(plan, steps)
        self._prepare(wanted)

    @abstractmethod
    def _prepare(self, wanted: Wanted) -> None:
        """Do what `prepare` says."""

    @property
    def paces(self) -> Paces | None:
        """The paces of even blends that have been measured; None where none can be (yet)."""
        return None

    def can_pace(self, spec: FrameSpec) -> bool:
        """Whether a blend in pictures like that of `spec` can be measured now."""
        return self.paces is not None

    def pace(self, first: str, second: str, spec: FrameSpec) -> Pace | None:
        """Return the pace of the even blend of two prompts in pictures like that of `spec`; None if it is not known."""
        return None if self.paces is None else self.paces.of(self._pair(first, second, spec))

    def pacing(self, first: str, second: str, spec: FrameSpec) -> Iterator[None]:
        """Measure the even blend of two prompts, picture by picture; see `engine.paces`.

        To be gone through on the thread that renders, with pictures of the show in between if it cannot wait. `pace`
        knows it when this has been exhausted, and the next run too once ``paces.save()`` was called.

        Parameters
        ----------
        first, second : str
        spec : FrameSpec
            Pictures as they are at rest; other prompts and seeds take the place of its own.

        Raises
        ------
        BadInput, NotFinite, OutOfMemory
            As in `render`; nothing is kept then.
        """
        paces = self.paces
        if paces is None:
            return
        key, size = self._pair(first, second, spec), self.size
        still = replace(spec, blending="slerp", angle=0.0, paths=(), pulls=(), still=0.0, feedback=0.0, strength=1.0)

        def picture(weight: float, seed: int) -> np.ndarray:
            prompts = ((first, 1.0 - weight), (second, weight))
            return self.render(replace(still, prompts=prompts, seed=seed, seed_to=seed)).pixels

        pace = yield from measured(picture)
        if self.size == size:
            paces.keep(key, pace)

    def _pair(self, first: str, second: str, spec: FrameSpec) -> str:
        return pair_key(self.embedding(first), self.embedding(second), spec, self.size)

    @abstractmethod
    def render(self, spec: FrameSpec, previous: Picture | None = None) -> Picture:
        """Make one picture.

        Parameters
        ----------
        spec : FrameSpec
        previous : Picture or None
            The picture that ``spec.feedback`` mixes into the starting noise, or that ``spec.strength`` begins at: the
            last one, or any other.

        Raises
        ------
        BadInput
            If the spec cannot be played by this model.
        NotFinite
            If a bend made values that are not finite; there is no picture then.
        OutOfMemory
            If the device has not enough memory for this size; `resize` and go on.
        """


def _loaded(
    model: str,
    device: str,
    dtype: torch.dtype | str | None,
    threads: int | None,
    lora: str | None,
    tiny_autoencoder: str | None,
    runtime: str,
    stream: bool,
    compiled: bool,
) -> Generator:
    if runtime not in RUNTIMES:
        raise BadInput(f"there is no runtime {runtime!r}; there are {', '.join(RUNTIMES)}.")
    if model == "painter":
        if runtime == "onnx":
            raise BadInput("the painter is a program, not a model: ONNX Runtime cannot play it; use --runtime eager.")
        if runtime == "graph" or stream or compiled:
            raise BadInput("the painter is a program, not a model: it has no steps to stream, and no graph.")
        from engine.painting import PaintedGenerator

        return PaintedGenerator.on(device, threads)
    only_torch = " and ".join(word for word, asked in (("stream", stream), ("compile", compiled)) if asked)
    if only_torch and (runtime == "onnx" or device in ONNX_ONLY):
        raise BadInput(f"ONNX Runtime cannot {only_torch}; use the runtime eager or graph, or leave it out.")
    if runtime == "onnx" or (runtime == "auto" and not only_torch and _suits_onnx(model, device, dtype)):
        from engine.runtimes.onnx import OnnxGenerator

        if dtype not in (None, "float32") and str(dtype) != "torch.float32":
            raise BadInput(f"ONNX Runtime plays float32 only, not {dtype}; leave dtype out, or use the eager runtime.")
        return OnnxGenerator.open(model, device, threads, lora, tiny_autoencoder)
    from engine.devices import find_device
    from engine.eager import EagerGenerator

    kind = EagerGenerator
    if runtime == "graph" or (runtime == "auto" and find_device(device).type == "cuda"):
        from engine.runtimes.graph import GraphGenerator

        kind = GraphGenerator
    return kind.open(model, device, dtype, threads, lora, tiny_autoencoder, stream=stream, compiled=compiled)


def _suits_onnx(model: str, device: str, dtype: object) -> bool:
    """Whether ``auto`` means ONNX Runtime: for the built-in model on a CPU, and for devices only it can use."""
    if device in ONNX_ONLY:
        return True
    return model == "builtin" and dtype is None and (device == "cpu" or (device == "auto" and not graphics_device()))
