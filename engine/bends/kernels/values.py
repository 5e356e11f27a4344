"""Operators that treat every value by itself, or by the statistics of its neighbours in the tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.bends.kernels.base import Place, generator, kernel, size
from engine.noise import fixed_noise
from engine.noise_paths import BEND

_LEAST = 1e-3
"""Sizes below this, in site sd, count as this where a power or a quotient needs one."""
_MOST = 8.0


@kernel("add")
def _add(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x + p[0] * sd


def _draw(place: Place) -> tuple[Tensor]:
    return (place.tensor(generator(place, 0).random((1, *place.shape[1:]), np.float32), exact=True),)


@kernel("add_sparse", _draw)
def _add_sparse(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x + (fixed[0] < p[1]).to(x.dtype) * (p[0] * sd)


def _fixed_noise(place: Place) -> tuple[Tensor]:
    # In a stream of its own: the first is what a picture of the same seed starts from.
    return (place.tensor(np.asarray(fixed_noise(place.bend.seed, (1, *place.shape[1:]), BEND))),)


@kernel("noise", _fixed_noise)
def _noise(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x + fixed[0] * (p[0] * sd)


@kernel("bump")
def _bump(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    _, _, height, width = size(x)
    amount, across, along, spread = p
    right = torch.arange(width, device=x.device, dtype=torch.float32) - (width - 1) / 2 - across * width / 2
    down = torch.arange(height, device=x.device, dtype=torch.float32) - (height - 1) / 2 - along * height / 2
    steepness = 1 / (2 * (spread * height) ** 2)
    shape = torch.exp(-(down**2) * steepness)[:, None] * torch.exp(-(right**2) * steepness)[None, :]
    return x + (shape * (amount * sd)).to(x.dtype)


@kernel("multiply")
def _multiply(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x * p[0]


@kernel("hard_threshold")
def _hard_threshold(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return torch.where(x.abs() >= p[0] * sd, x, 0.0)


@kernel("soft_threshold")
def _soft_threshold(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    level = p[0] * sd
    return x - torch.clamp(x, -level, level)


@kernel("shrink_threshold")
def _shrink_threshold(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return torch.where(x.abs() >= p[0] * sd, x * (1 - p[0]), 0.0)


@kernel("binary_threshold")
def _binary_threshold(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return (x >= p[0] * sd).to(x.dtype) * (2 * sd) - sd


@kernel("invert")
def _invert(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return -x


@kernel("invert_reciprocal")
def _invert_reciprocal(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return sd / p[0] - x


@kernel("log")
def _log(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return torch.sign(x) * torch.log1p(x.abs() * (p[0] / sd)) * (sd / torch.log1p(p[0]))


@kernel("power")
def _power(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    # The power of one less is a factor that is exactly 1 at the neutral exponent, and needs no sign.
    return x * ((x.abs() / sd).clamp(_LEAST, _MOST) ** (p[0] - 1)).to(x.dtype)


@kernel("absolute")
def _absolute(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x.abs()


@kernel("clamp")
def _clamp(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    low, high = ((v * sd).to(x.dtype) for v in p)
    return torch.minimum(torch.maximum(x, low), high)


@kernel("rescale")
def _rescale(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    lowest, highest = x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True)
    share = (x - lowest) / (highest - lowest).clamp_min(_LEAST * sd)
    return (p[0] + share * (p[1] - p[0])) * sd


@kernel("wavefold")
def _wavefold(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    ceiling = p[1] * sd
    # A triangle wave of period 4 that runs through 0 as its argument does.
    turns = x.float() * (p[0] / (4 * ceiling)) + 0.25
    return (ceiling * (1 - 4 * (turns - torch.floor(turns) - 0.5).abs())).to(x.dtype)


@kernel("quantise")
def _quantise(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    step = p[0] * sd
    return torch.round(x / step) * step


@kernel("ablate")
def _ablate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return torch.zeros_like(x)


@kernel("normalise_max")
def _normalise_max(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    most = x.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(_LEAST * sd)
    return x / most * (p[0] * sd)


@kernel("normalise_channels")
def _normalise_channels(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    length = (x.float() / sd).square().mean(dim=1, keepdim=True).sqrt().clamp_min(_LEAST)
    return (x.float() / length * p[0]).to(x.dtype)


@kernel("remove_mean")
def _remove_mean(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    y = x.float()
    for amount, axes in zip(p, ((1, 2, 3), (1,), (2,), (3,)), strict=True):
        y = y - amount * y.mean(dim=axes, keepdim=True)
    return y.to(x.dtype)
