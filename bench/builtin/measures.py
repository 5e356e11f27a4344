"""The arithmetic of the measures: pure functions of tensors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "circle", "confusion", "difference", "high_frequency_energy", "luma", "mean_pairwise", "psnr_db", "retrieval_rank",
    "spearman", "step_ratio",
]  # fmt: skip


def luma(pictures: Tensor) -> Tensor:
    """Luma of pictures (batch, 3, height, width) by ITU-R BT.601, (batch, height, width)."""
    weights = pictures.new_tensor((0.299, 0.587, 0.114))
    return torch.einsum("bchw,c->bhw", pictures, weights)


def high_frequency_energy(
    pictures: Tensor, low: float = 0.5, high: float = math.inf, *, windowed: bool = True
) -> Tensor:
    """Energy of each picture's luma in a band of its radial spectrum; the upper half unless told otherwise.

    Pictures are rounded to 8 bits, as they are shown: what is finer than that is no structure. The mean is removed and
    a Hann window laid over the picture: without it the jump from one edge to the opposite one, which the Fourier
    transform takes for part of the picture, outweighs all fine structure.

    Parameters
    ----------
    pictures : Tensor
        (batch, 3, height, width), 0..1.
    low, high : float
        The band in multiples of the Nyquist frequency; the diagonals reach above 1.
    windowed : bool
        False leaves the window out.

    Returns
    -------
    Tensor (batch,), mean square per pixel, the window's own loss made up for.
    """
    y = luma((pictures * 255).round() / 255)
    height, width = y.shape[1:]
    y = y - y.mean(dim=(1, 2), keepdim=True)
    if windowed:
        window = torch.hann_window(height, device=y.device)[:, None] * torch.hann_window(width, device=y.device)
        y = y * window / window.square().mean().sqrt()
    spectrum = torch.fft.fft2(y, norm="ortho").abs().square()
    down = torch.fft.fftfreq(height, device=y.device)[:, None]
    across = torch.fft.fftfreq(width, device=y.device)[None, :]
    # Nyquist is half a cycle per pixel.
    radius = 2 * (down.square() + across.square()).sqrt()
    return (spectrum * ((radius >= low) & (radius < high))).mean(dim=(1, 2))


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of pictures (batch, 3, height, width) in 0..1, in steps of 255; (batch,)."""
    return (a - b).abs().mean(dim=(1, 2, 3)) * 255


def psnr_db(got: Tensor, want: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of pictures (batch, 3, height, width) in 0..1, in decibels; (batch,)."""
    return -10 * torch.log10((got - want).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))


def spearman(x: Tensor, y: Tensor) -> float:
    """Spearman's rank correlation of two vectors, ties ranked by their mean; 0 when either never changes."""
    a, b = _ranks(x.double()), _ranks(y.double())
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 0 else 0.0


def _ranks(x: Tensor) -> Tensor:
    below = (x[None, :] < x[:, None]).sum(dim=1)
    same = (x[None, :] == x[:, None]).sum(dim=1)
    return below + (same - 1) / 2


def step_ratio(steps: Tensor) -> float:
    """Largest of some steps over their mean; 1 when nothing moves."""
    mean = float(steps.mean())
    return float(steps.max()) / mean if mean > 0 else 1.0


def retrieval_rank(asked: Tensor, own: Tensor, others: Tensor) -> int:
    """How many of ``others`` (count, ...) are nearer to ``asked`` than ``own`` is, or as near; 0 is a find."""
    distance = (others.flatten(1) - asked.flatten()).norm(dim=1)
    return int((distance <= (own - asked).norm()).sum())


def mean_pairwise(features: Tensor) -> float:
    """Mean Euclidean distance between each two of some vectors (count, width)."""
    return float(F.pdist(features.float()).mean())


def circle(x: Tensor, y: Tensor, count: int) -> Tensor:
    """``count`` noises evenly spaced on the circular walk through ``x`` and ``y`` (1, 4, h, w), unit variance.

    The walk of `engine.noise.walk`, many places at a time.
    """
    angle = torch.arange(count, device=x.device)[:, None, None, None] * (2 * math.pi / count)
    return torch.cos(angle) * x + torch.sin(angle) * y


def confusion(want: Tensor, got: Tensor, classes: int) -> Tensor:
    """Counts (classes, classes) of answers: row what it was, column what it was taken for."""
    return torch.bincount(want * classes + got, minlength=classes * classes).view(classes, classes)
