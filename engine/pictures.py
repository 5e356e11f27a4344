"""Between pixels (uint8) and the tensors that networks make and read."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["HIGHEST_SIDE", "LOWEST_SIDE", "mixed_with", "to_pixels", "to_tensor"]

LOWEST_SIDE, HIGHEST_SIDE = 16, 4096
"""Range of a picture's width and height, in pixels."""


def to_pixels(picture: Tensor) -> np.ndarray:
    """Turn a picture (1, 3, height, width), -1 to 1, into contiguous uint8 pixels (height, width, 3).

    Values beyond the range are clipped and those that are not finite become grey, so that no bend can break a show.
    The tensor may be overwritten.
    """
    levels = torch.nan_to_num(picture[0].permute(1, 2, 0), nan=0.0).mul_(127.5).add_(127.5).round_().clamp_(0, 255)
    pixels = levels.to(torch.uint8).contiguous().cpu().numpy()
    pixels.setflags(write=False)
    return pixels


def to_tensor(pixels: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Turn uint8 pixels (height, width, 3) into a tensor (1, 3, height, width), -1 to 1, of a size (width, height)."""
    picture = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    if picture.shape[-2:] != size[::-1]:
        picture = F.interpolate(picture, size=size[::-1], mode="bilinear", antialias=True)
    return picture


def mixed_with(noise: Tensor, latent: Tensor, share: float) -> Tensor:
    """Mix the latent of a picture into starting noise and keep the noise's variance.

    Parameters
    ----------
    noise : Tensor
        (1, channel, height, width), unit variance.
    latent : Tensor
        Same shape, any variance.
    share : float
        0 gives the noise itself, 1 the latent brought to the noise's variance.
    """
    loudness = _rms(noise)
    calm = latent * (loudness / _rms(latent))
    quarter = share * math.pi / 2
    mix = math.cos(quarter) * noise + math.sin(quarter) * calm
    return mix * (loudness / _rms(mix))


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt().clamp_min(1e-6)
