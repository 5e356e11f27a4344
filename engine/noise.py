"""Fixed noises and the paths between them: the motion of the starting latent."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.spec import FrameSpec

__all__ = ["NoiseBank", "fixed_noise", "slerp", "walk"]

_STREAM = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio: spreads stream numbers so that no stream of one seed is another seed's first."""

COMPANION = 1
"""Stream of the second noise of a circular walk."""
STEP = 2
"""First of the streams that a stochastic sampler adds between steps."""


def fixed_noise(seed: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
    """Gaussian noise that is the same on every device, since it is drawn on the CPU.

    Stream 0 is what ``torch.randn(shape, generator=torch.Generator().manual_seed(seed))`` gives, so a seed means the
    same picture as in other diffusion software.

    Parameters
    ----------
    seed : int
        0 or more.
    shape : tuple of int
    stream : int
        Number of one of the independent noises that belong to the seed.

    Returns
    -------
    Tensor, float32, of that shape, on the CPU; zero mean and unit variance.

    Raises
    ------
    BadInput
        If the seed is negative.
    """
    if seed < 0:
        raise BadInput(f"the seed is {seed}; it must be 0 or more.")
    mixed = (seed + stream * _STREAM) % 2**63
    return torch.randn(shape, generator=torch.Generator().manual_seed(mixed))


def slerp(a: Tensor, b: Tensor, t: float, dim: int | None = None) -> Tensor:
    """Spherical interpolation (Shoemake 1985) of `a` at t = 0 and `b` at t = 1, computed in float32.

    Both ends are met exactly. Vectors that point the same or the opposite way are interpolated linearly.

    Parameters
    ----------
    a, b : Tensor
        Same shape.
    t : float
        0 to 1.
    dim : int or None
        The dimension that holds the vectors' components; None takes each tensor as one vector.
    """
    first, second = a.float(), b.float()
    if dim is None:
        flat = slerp(first.flatten(), second.flatten(), t, 0)
        return flat.reshape(a.shape).to(a.dtype)
    norms = first.norm(dim=dim, keepdim=True) * second.norm(dim=dim, keepdim=True)
    cosine = (first * second).sum(dim=dim, keepdim=True) / norms.clamp_min(1e-12)
    omega = torch.acos(cosine.clamp(-1, 1))
    sine = torch.sin(omega)
    straight = sine < 1e-3
    safe = torch.where(straight, torch.ones_like(sine), sine)
    weight_a = torch.where(straight, torch.full_like(sine, 1 - t), torch.sin((1 - t) * omega) / safe)
    weight_b = torch.where(straight, torch.full_like(sine, t), torch.sin(t * omega) / safe)
    return (weight_a * first + weight_b * second).to(a.dtype)


def walk(x: Tensor, y: Tensor, angle: float) -> Tensor:
    """Circular noise walk cos(angle) x + sin(angle) y: unit variance all the way, closed after 2 pi.

    From Wilson et al., DAFx 2024. Angle 0 and every full turn give `x` itself.
    """
    angle = math.remainder(angle, 2 * math.pi)
    return math.cos(angle) * x + math.sin(angle) * y


class NoiseBank:
    """Starting noises and step noises of seeds, kept so that the picture loop draws none twice.

    Parameters
    ----------
    limit : int
        Most noises kept; the least recently used one goes first.
    """

    def __init__(self, limit: int = 64) -> None:
        self._kept: OrderedDict[tuple, Tensor] = OrderedDict()
        self._limit = limit

    def get(self, seed: int, shape: tuple[int, ...], stream: int = 0) -> Tensor:
        """Return `fixed_noise` of these arguments. Not to be written to."""
        key = (seed, shape, stream)
        noise = self._kept.get(key)
        if noise is None:
            noise = self._kept[key] = fixed_noise(seed, shape, stream)
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return noise

    def start(self, spec: FrameSpec, shape: tuple[int, ...]) -> Tensor:
        """Starting noise of a picture, unit variance: the seeds' blend, then the circular walk."""
        if not (math.isfinite(spec.angle) and math.isfinite(spec.seed_blend)):
            raise BadInput("the angle and the seed blend must be finite numbers.")
        angle = math.remainder(spec.angle, 2 * math.pi)
        noise = self._between(spec, shape, 0)
        return noise if angle == 0 else walk(noise, self._between(spec, shape, COMPANION), angle)

    def step(self, spec: FrameSpec, shape: tuple[int, ...], index: int) -> Tensor:
        """Noise that a stochastic sampler adds after step `index`: the same in every picture, so that they cohere."""
        return self.get(spec.seed, shape, STEP + index)

    def _between(self, spec: FrameSpec, shape: tuple[int, ...], stream: int) -> Tensor:
        blend = min(max(spec.seed_blend, 0.0), 1.0)
        if blend == 0 or spec.seed == spec.seed_to:
            return self.get(spec.seed, shape, stream)
        return slerp(self.get(spec.seed, shape, stream), self.get(spec.seed_to, shape, stream), blend)
