"""Operators on the finished picture's red, green and blue, -1 to 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.bends.kernels.base import Place, kernel, size

_LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def _chroma(place: Place) -> tuple[Tensor, Tensor]:
    """Matrices on RGB: the projection on the chroma plane, and that turned by a quarter."""
    back = np.linalg.inv(_TO_YIQ)
    flat, quarter = np.diag([0.0, 1.0, 1.0]), np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return (
        place.tensor((back @ flat @ _TO_YIQ).astype(np.float32), exact=True),
        place.tensor((back @ quarter @ _TO_YIQ).astype(np.float32), exact=True),
    )


@kernel("hue", _chroma)
def _hue(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    flat, quarter = fixed
    return _plus(x, (torch.cos(p[0]) - 1) * flat + torch.sin(p[0]) * quarter)


@kernel("saturation", _chroma)
def _saturation(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return _plus(x, (p[0] - 1) * fixed[0])


@kernel("blend_to_white")
def _blend_to_white(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    # The sign of the amount is the colour that is blended in.
    return x * (1 - p[0].abs()) + p[0]


def _plus(x: Tensor, delta: Tensor) -> Tensor:
    batch, channels, height, width = size(x)
    change = torch.matmul(delta.to(x.dtype), x.reshape(batch, channels, height * width))
    return x + change.reshape(batch, channels, height, width)
