"""How the last picture takes part in the noise that the next is made of."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["mixed_with"]

_HALVINGS = 4
"""How often maps are halved to part coarse structure from fine."""


def mixed_with(noise: Tensor, latent: Tensor, share: float | Tensor) -> Tensor:
    """Mix the latent of a picture into starting noise, which keeps its variance and what it has of coarse and fine.

    A picture is nearly all mean and coarse structure, of which noise has next to none. Brought to the noise's loudness
    as a whole, a tenth of it told the network of a layout that no noise has, and pictures ran away to black or white
    within a second. So each band of its structure is brought to what the noise has of it.

    Parameters
    ----------
    noise : Tensor
        (1, channel, height, width), unit variance.
    latent : Tensor
        Same shape, any variance.
    share : float or 0-d Tensor
        0 gives the noise itself, 1 the latent with the noise's variance in each band.
    """
    bands = zip(_bands(noise), _bands(latent), strict=True)
    calm = _joined([own * (_rms(wanted) / _rms(own)) for wanted, own in bands])
    quarter = torch.as_tensor(share, dtype=torch.float32, device=noise.device) * (math.pi / 2)
    mix = torch.cos(quarter) * noise + torch.sin(quarter) * calm
    return mix * (_rms(noise) / _rms(mix))


def _bands(x: Tensor) -> list[Tensor]:
    """Part maps (1, channel, height, width) into a Laplacian pyramid (Burt and Adelson 1983), fine first, and means."""
    bands = []
    for _ in range(_HALVINGS):
        height, width = x.shape[-2:]
        coarse = _sized(x, ((height + 1) // 2, (width + 1) // 2))
        bands.append(x - _sized(coarse, (height, width)))
        x = coarse
    mean = x.mean((-2, -1), keepdim=True)
    return [*bands, x - mean, mean]


def _joined(bands: list[Tensor]) -> Tensor:
    """Put together what `_bands` parted."""
    *finer, coarsest, mean = bands
    whole = coarsest + mean
    for band in reversed(finer):
        whole = band + _sized(whole, (band.shape[-2], band.shape[-1]))
    return whole


def _sized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear")


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt().clamp_min(1e-6)
