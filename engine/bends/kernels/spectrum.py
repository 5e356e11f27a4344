"""Operators on spatial frequencies, and those that take a channel as a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.bends.kernels.base import Place, generator, kernel, size
from engine.bends.kernels.channels import hadamard

_TERMS = 12


def _walsh_rows(place: Place) -> tuple[Tensor]:
    return (place.tensor(hadamard(place.shape[2])),)


@kernel("hadamard_rows", _walsh_rows)
def _hadamard_rows(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return torch.matmul(fixed[0], x) * p[0]


@kernel("matrix_exp")
def _matrix_exp(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    _, _, height, width = size(x)
    side = max(height, width)
    a = torch.nn.functional.pad(x.float(), (0, side - width, 0, side - height))
    norm = a.square().sum(dim=(2, 3), keepdim=True).sqrt()
    step = a * (p[0] / norm.clamp_min(1e-3 * sd))
    # A (1 + tA/2 + (tA)^2/6 + ...) by Horner's rule, the leading 1 kept apart so that t = 0 gives A exactly.
    series = step / (_TERMS + 1)
    for term in range(_TERMS, 1, -1):
        series = (step + torch.matmul(step, series)) / term
    y = a + torch.matmul(a, series)
    y = y * (norm.clamp_min(1e-3 * sd) / y.square().sum(dim=(2, 3), keepdim=True).sqrt().clamp_min(1e-3 * sd))
    return y[:, :, :height, :width].to(x.dtype)


def _hilbert(place: Place) -> tuple[Tensor, Tensor]:
    """Matrices of the Hilbert transform over the rows (height, height) and the columns (width, width), circular."""
    found = []
    for count in place.shape[2:]:
        spectrum = -1j * np.sign(np.fft.fftfreq(count))
        spectrum[count // 2] *= count % 2  # An even length has a highest frequency without a sign.
        impulse = np.fft.ifft(spectrum).real
        places = np.arange(count)
        found.append(place.tensor(impulse[(places[:, None] - places[None, :]) % count].astype(np.float32)))
    return found[0], found[1]


@kernel("frequency_shift", _hilbert)
def _frequency_shift(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    over_rows, over_columns = fixed
    _, _, height, width = size(x)
    right, down = _phase(x, width) * p[0], (_phase(x, height) * p[1])[:, None]
    x = x * torch.cos(right).to(x.dtype) - torch.matmul(x, over_columns.transpose(0, 1)) * torch.sin(right).to(x.dtype)
    return x * torch.cos(down).to(x.dtype) - torch.matmul(over_rows, x) * torch.sin(down).to(x.dtype)


def _phase(x: Tensor, count: int) -> Tensor:
    """Phase of one cycle over `count` places, 0 in the middle."""
    places = torch.arange(count, device=x.device, dtype=torch.float32) - (count - 1) / 2
    return places * (2 * math.pi / count)


def _cosines(place: Place) -> tuple[Tensor, Tensor, Tensor]:
    """Orthonormal cosine transforms over rows and columns, and the logarithm of each frequency over the middle one."""
    matrices, frequencies = [], []
    for count in place.shape[2:]:
        order = np.arange(count)
        matrix = np.cos(np.pi * order[:, None] * (order[None, :] + 0.5) / count) * math.sqrt(2 / count)
        matrix[0] /= math.sqrt(2)
        matrices.append(place.tensor(matrix.astype(np.float32)))
        frequencies.append(order / count)
    height = np.hypot(frequencies[0][:, None], frequencies[1][None, :])
    height[0, 0] = 1.0
    octaves = np.log(height)
    octaves -= octaves.sum() / max(octaves.size - 1, 1)
    octaves[0, 0] = 0.0
    return matrices[0], matrices[1], place.tensor(octaves.astype(np.float32), exact=True)


@kernel("spectral_tilt", _cosines)
def _spectral_tilt(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    over_rows, over_columns, octaves = fixed
    gain = torch.exp(octaves * p[0])
    gain = gain / gain.square().mean().sqrt()
    # The mean, in the first place, keeps its weight.
    change = (gain - 1) * (octaves != 0).to(gain.dtype)
    spectrum = torch.matmul(torch.matmul(over_rows, x), over_columns.transpose(0, 1)) * change.to(x.dtype)
    return x + torch.matmul(torch.matmul(over_rows.transpose(0, 1), spectrum), over_columns)


def _phases(place: Place) -> tuple[Tensor]:
    _, _, height, width = place.shape
    draw = generator(place, 0).uniform(-math.pi, math.pi, (height, width // 2 + 1)).astype(np.float32)
    # The first column, and the last of an even width, hold each frequency and its mirror: turned by as much against
    # each other, both keep their strength; what is its own mirror cannot be turned.
    for column in {0, *([width // 2] if width % 2 == 0 else [])}:
        half = (height - 1) // 2
        draw[height - half :, column] = -draw[1 : half + 1, column][::-1]
        draw[0, column] = 0
        if height % 2 == 0:
            draw[height // 2, column] = 0
    return (place.tensor(draw, exact=True),)


@kernel("phase_scramble", _phases)
def _phase_scramble(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    _, _, height, width = size(x)
    angle = fixed[0] * p[0]
    change = torch.complex(torch.cos(angle) - 1, torch.sin(angle))
    return x + torch.fft.irfft2(torch.fft.rfft2(x.float()) * change, s=(height, width)).to(x.dtype)
