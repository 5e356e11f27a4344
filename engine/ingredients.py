"""`Ingredients`: what one picture is painted from, in every runtime that has torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from engine.sampling import Schedule

__all__ = ["Ingredients"]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What one picture is painted from.

    Attributes
    ----------
    start : Tensor
        Starting latent of unit variance, (1, channel, height, width), float32.
    text : Tensor
        Embedding of the prompt, (1, tokens, width); of a stream batch one row for each picture, the newest first.
    fresh : callable
        ``fresh(i)`` is the noise added after step i, shaped like `start`.
    empty : Tensor or None
        Embedding of the empty prompt where the picture is guided away from it, (1, tokens, width).
    guidance : float or 0-d Tensor
        Guidance scale; read only with `empty`.
    condition : Tensor or None
        `guidance_embedding` for a network that takes one.
    schedule : Schedule or None
        The steps, where they begin at a picture: `start` is then its latent, noised. None is from noise alone.
    waiting : Tensor or None
        Only of a stream batch: latents of the pictures before this one, (steps - 1, channel, height, width), each a
        step further than the one before it. Painting moves them on; see `engine.stream`.
    """

    start: Tensor
    text: Tensor
    fresh: Callable[[int], Tensor]
    empty: Tensor | None = None
    guidance: float | Tensor = 1.0
    condition: Tensor | None = None
    schedule: Schedule | None = None
    waiting: Tensor | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that each picture brings anew, by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "waiting"}
        return {name: value for name, value in own.items() if isinstance(value, Tensor)}

    def on(self, device: torch.device) -> Ingredients:
        """Return the same on a device."""
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in self.tensors().items()}
        return replace(self, **moved, fresh=lambda index: self.fresh(index).to(device))
