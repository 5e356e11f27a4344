"""What every section is given: the model, how much to measure, and where to write."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from rich.progress import Progress

    from bench.builtin.model import Model

__all__ = ["FULL", "QUICK", "Counts", "Setting"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is measured.

    Attributes
    ----------
    forms : int or None
        Forms looked at in `variety`, `motion` and `bends`; None takes every form the network was taught.
    read_per_form : int
        Pictures per form that the judge reads.
    recovered : int
        Captions whose noised latents are recovered.
    others : int
        Painter pictures per caption that tell what is known of a latent from its caption alone.
    sharp_per_form : int
        Pictures per form whose spectra are compared.
    told_apart : int
        Pictures, half of each kind, that the discriminator is trained on.
    told_apart_test : int
        Pictures it is tested on.
    reconstructed : int
        Pictures sent through the autoencoder.
    retrieval_rivals, retrieval_asked : int
        Painter pictures per caption, and pictures of the model looked up among them.
    walk, blend : int
        Pictures of a circular walk and of a prompt blend.
    bent : int
        Captions per bend.
    sweep : int
        Values per swept parameter.
    windows : int
        Windows of timing.
    window_s : float
        Length of each.
    """

    forms: int | None = None
    read_per_form: int = 48
    recovered: int = 64
    others: int = 15
    sharp_per_form: int = 24
    told_apart: int = 20_000
    told_apart_test: int = 2_000
    reconstructed: int = 200
    retrieval_rivals: int = 1_000
    retrieval_asked: int = 20
    walk: int = 120
    blend: int = 60
    bent: int = 6
    sweep: int = 13
    windows: int = 6
    window_s: float = 5.0


FULL = Counts()
QUICK = Counts(
    forms=3, read_per_form=6, recovered=8, others=7, sharp_per_form=4, told_apart=400, told_apart_test=100,
    reconstructed=22, retrieval_rivals=100, retrieval_asked=4, walk=40, blend=30, bent=2, windows=3, window_s=1.0,
)  # fmt: skip


@dataclass(slots=True)
class Setting:
    """What a section measures with.

    Attributes
    ----------
    model : Model
    counts : Counts
    seed : int
    minutes : float
        Most time for each network that is trained to judge.
    out : Path
        Folder for pictures.
    cache : Path
        Folder for the trained judge.
    progress : rich.progress.Progress
    fresh : bool
        Train a judge from nothing instead of taking the one that ships.
    """

    model: Model
    counts: Counts
    seed: int
    minutes: float
    out: Path
    cache: Path
    progress: Progress
    fresh: bool = False

    def rng(self, stream: str) -> random.Random:
        """Random numbers of one purpose, the same whichever sections run."""
        return random.Random(f"{self.seed} {stream}")

    def noise(self, stream: str, count: int) -> torch.Tensor:
        """``count`` latent noises (count, 4, 32, 32) of one purpose, on the model's device."""
        generator = torch.Generator().manual_seed(self.rng(stream).getrandbits(62))
        return torch.randn(count, 4, 32, 32, generator=generator).to(self.model.device)

    def forms(self) -> list[str]:
        """The forms to look at, spread over those the network was taught."""
        from engine.builtin.vocabulary import LEARNT

        count = min(self.counts.forms or len(LEARNT), len(LEARNT))
        return [LEARNT[k * len(LEARNT) // count] for k in range(count)]

    def track(self, items: Iterable[Item], words: str, total: int | None = None) -> Iterator[Item]:
        """Go through ``items`` with a progress bar."""
        task = self.progress.add_task(words, total=total)
        try:
            yield from self.progress.track(items, total=total, task_id=task)
        finally:
            self.progress.remove_task(task)
