"""Operators on the picture plane: geometry, smoothing, morphology."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.bends.kernels.base import Place, generator, kernel, size
from engine.bends.kernels.resample import coarse, offsets, sample, sample_axes, smooth

MOST_RADIUS = 3
"""Largest radius of dilation and erosion, in site pixels; the catalogue's range ends here."""
_WAVES = 6


@kernel("rotate")
def _rotate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return sample(x, *_turned(*offsets(x), p[0]))


@kernel("zoom")
def _zoom(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    return sample_axes(x, right / p[0], down / p[0])


@kernel("translate")
def _translate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    return sample_axes(x, right - p[0] * len(right), down - p[1] * len(down))


@kernel("scroll")
def _scroll(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    return sample_axes(x, right - p[0] * len(right), down - p[1] * len(down), wrap=True)


@kernel("shear")
def _shear(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    # Up is minus down: a row above the centre goes right.
    return sample(x, right[None, :] + p[0] * down[:, None], down[:, None] - p[1] * right[None, :])


@kernel("flip")
def _flip(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    return sample_axes(x, right * (1 - 2 * p[0]), down * (1 - 2 * p[1]))


@kernel("swirl")
def _swirl(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    reach = p[1] * len(down)
    angle = p[0] * torch.exp(-(right[None, :] ** 2 + down[:, None] ** 2) / (reach * reach))
    return sample(x, *_turned(right, down, angle))


def _turned(right: Tensor, down: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Where pixels come from when the plane turns counter-clockwise as seen; true to aspect."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    across, along = right[None, :], down[:, None]
    return across * cosine - along * sine, across * sine + along * cosine


def _waves(place: Place) -> tuple[Tensor, Tensor]:
    """Two fields (2, height, width) of unit variance, a quarter of a wave apart: plane waves of seeded directions."""
    _, _, height, width = place.shape
    draw = generator(place, 0)
    right = (np.arange(width) - (width - 1) / 2) / height
    down = (np.arange(height) - (height - 1) / 2) / height
    fields = np.zeros((2, 2, height, width))
    for axis in range(2):
        for _ in range(_WAVES):
            cycles, heading, start = draw.uniform(0.5, 2.5), draw.uniform(0, 2 * np.pi), draw.uniform(0, 2 * np.pi)
            along = right[None, :] * np.cos(heading) + down[:, None] * np.sin(heading)
            phase = 2 * np.pi * cycles * along + start
            fields[:, axis] += np.stack((np.cos(phase), np.sin(phase))) * math.sqrt(2 / _WAVES)
    return (
        place.tensor(fields[0].astype(np.float32), exact=True),
        place.tensor(fields[1].astype(np.float32), exact=True),
    )


@kernel("warp", _waves)
def _warp(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = offsets(x)
    way = (fixed[0] * torch.cos(p[1]) - fixed[1] * torch.sin(p[1])) * (p[0] * len(down))
    return sample(x, right[None, :] + way[0], down[:, None] + way[1])


@kernel("mirror")
def _mirror(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    places = []
    for place, amount in zip(offsets(x), p, strict=True):
        # The fold lies on the outer edge of the last pixel at 0, so that nothing is folded there.
        fold = (1 - amount) * (len(place) / 2)
        places.append(torch.minimum(place, 2 * fold - place))
    return sample_axes(x, places[0], places[1])


@kernel("kaleidoscope")
def _kaleidoscope(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    right, down = (v.expand(size(x)[2:]) for v in (offsets(x)[0][None, :], offsets(x)[1][:, None]))
    distance = torch.sqrt(right * right + down * down)
    wedge = math.pi / p[1]
    angle = torch.atan2(down, right) - p[2]
    within = (angle - 2 * wedge * torch.floor(angle / (2 * wedge)) - wedge).abs() + p[2]
    return sample(
        x,
        right + p[0] * (distance * torch.cos(within) - right),
        down + p[0] * (distance * torch.sin(within) - down),
    )


@kernel("pixelate")
def _pixelate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return coarse(x, p[0])


@kernel("blur")
def _blur(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return smooth(x, p[0])


@kernel("sharpen")
def _sharpen(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x + (x - smooth(x, p[1])) * p[0]


@kernel("dilate")
def _dilate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    out, grown = x, x
    for whole in range(MOST_RADIUS):
        # Repeated 3 x 3 maxima are the maxima of 5 x 5 and 7 x 7 squares.
        grown = F.max_pool2d(grown, 3, stride=1, padding=1)
        share = (p[0] - whole).clamp(0, 1).to(x.dtype)
        out = out * (1 - share) + grown * share if torch.onnx.is_in_onnx_export() else torch.lerp(out, grown, share)
    return out


@kernel("erode")
def _erode(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return -_dilate(-x, p, fixed, sd)


@kernel("morphological_gradient")
def _morphological_gradient(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return _dilate(x, p, fixed, sd) + _dilate(-x, p, fixed, sd)


@kernel("sobel")
def _sobel(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    padded = F.pad(x.float(), (1, 1, 1, 1), mode="replicate")
    down = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    right = padded[:, :, :, :-2] + 2 * padded[:, :, :, 1:-1] + padded[:, :, :, 2:]
    across = down[:, :, :, 2:] - down[:, :, :, :-2]
    along = right[:, :, 2:] - right[:, :, :-2]
    return (torch.sqrt(across.square() + along.square()) * (p[0] / 8)).to(x.dtype)
