"""A model's networks as functions of tensors: the predictor that is sampled, and the autoencoder's two ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.ingredients import Ingredients
from engine.text import apart

__all__ = ["SizeIds", "decoded", "encoded", "enlargement", "predictor"]


class SizeIds:
    """What an XL network is told of a picture's size; made once for each.

    Parameters
    ----------
    dtype : torch.dtype
    device : torch.device
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self._dtype, self._device = dtype, device
        self.kept: dict[tuple[int, int], Tensor] = {}

    def __call__(self, size: tuple[int, int]) -> Tensor:
        """Return original size, corner of the crop and wanted size, (1, 6), of pictures (width, height)."""
        if size not in self.kept:
            width, height = size
            ids = [[height, width, 0, 0, height, width]]
            self.kept[size] = torch.tensor(ids, dtype=self._dtype, device=self._device)
        return self.kept[size]


def predictor(
    unet: Any,
    ingredients: Ingredients,
    touch: Callable[[str, Tensor], Tensor],
    pooled_width: int,
    size_ids: Callable[[], Tensor],
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a network as a function of (scaled latent, timestep), guided if there is an empty prompt.

    Parameters
    ----------
    unet : UNet2DConditionModel
    ingredients : Ingredients
        On its device, the texts in its type.
    touch : callable
        Bends the prompt's tokens, at ``text``.
    pooled_width : int
        See `engine.text.apart`.
    size_ids : callable
        See `SizeIds`; called for networks that read a pooled vector.
    """
    tokens, pooled = apart(ingredients.text, pooled_width)
    # (batch, tokens, width) is bent as (batch, width, tokens, 1), so that channels mean the same as elsewhere.
    text = touch("text", tokens.transpose(1, 2).unsqueeze(-1)).squeeze(-1).transpose(1, 2)
    kind, condition = ingredients.text.dtype, ingredients.condition
    if condition is not None:
        condition = condition.to(text.device, kind)
    if ingredients.empty is not None:
        empty, empty_pooled = apart(ingredients.empty, pooled_width)
        text = torch.cat((empty.expand_as(text), text))
        if pooled is not None and empty_pooled is not None:
            pooled = torch.cat((empty_pooled.expand_as(pooled), pooled))
    added = None
    if pooled is not None:
        added = {"text_embeds": pooled, "time_ids": size_ids().expand(len(pooled), -1)}

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        x = x.to(kind)
        if ingredients.empty is not None:
            x = torch.cat((x, x))
            # A stream batch has a timestep for each row.
            timestep = torch.cat((timestep, timestep)) if timestep.ndim else timestep
        out: Tensor = unet(x, timestep, text, timestep_cond=condition, added_cond_kwargs=added, return_dict=False)[0]
        if ingredients.empty is None:
            return out
        without, with_text = out.chunk(2)
        return without + ingredients.guidance * (with_text - without)

    return predict


def decoded(vae: Any, latent: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the picture (1, 3, height, width) of a latent, about -1 to 1, float32; the decoder is of type `dtype`."""
    config = vae.config
    scaled = latent / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
    picture: Tensor = vae.decode(scaled.to(dtype), return_dict=False)[0]
    return picture.float()


def encoded(vae: Any, pixels: Tensor, device: torch.device) -> Tensor:
    """Return the latent of a picture (1, 3, height, width), -1 to 1; float32."""
    found = vae.encode(pixels.to(device, next(vae.encoder.parameters()).dtype))
    latent: Tensor = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
    return (latent.float() - (getattr(vae.config, "shift_factor", None) or 0.0)) * vae.config.scaling_factor


def enlargement(vae: Any) -> int:
    """Return how many pixels wide a decoder makes one latent pixel."""
    if hasattr(vae.decoder, "up_blocks"):
        return 2 ** (len(vae.config.block_out_channels) - 1)
    factors: list[Any] = [m.scale_factor for m in vae.decoder.layers if isinstance(m, torch.nn.Upsample)]
    return math.prod(int(factor) for factor in factors)
