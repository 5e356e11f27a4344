"""What a kernel is, and how kernels are registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.bends.plan import Bend

__all__ = ["FIXED", "KERNELS", "Kernel", "Place", "Setting", "generator", "kernel", "size"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a bend knows besides its values, for one shape of activation.

    Attributes
    ----------
    mask : Tensor or None
        How strongly each value is bent, broadcastable to (1, channel, height, width); None when all are in full.
    fixed : tuple of Tensor or None
        What the operator's kernel made once: noise, matrices, the order of channels.
    """

    mask: Tensor | None = None
    fixed: tuple[Tensor | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bend is being settled.

    Attributes
    ----------
    bend : Bend
    chosen : list of int
        Its channels.
    shape : tuple of int
        (batch, channel, height, width).
    dtype : torch.dtype
    device : torch.device
    """

    bend: Bend
    chosen: list[int]
    shape: tuple[int, int, int, int]
    dtype: torch.dtype
    device: torch.device

    def tensor(self, array: np.ndarray, exact: bool = False) -> Tensor:
        """Return an array on the device, in the activation's type, or in its own when `exact`."""
        found = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return found if exact else found.to(self.dtype)

    def channel_row(self, some: Sequence[int], inside: float, outside: float) -> Tensor:
        """Return (1, channel, 1, 1) with one value for some channels and another for the rest."""
        row = np.full(self.shape[1], outside, np.float32)
        row[list(some)] = inside
        return self.tensor(row[None, :, None, None])


Kernel = Callable[[Tensor, Sequence[Tensor], tuple, float], Tensor]
"""``kernel(x, parameters, fixed, sd)``: the activation, the operator's parameters without `mix`, what was fixed once,
and the site's standard deviation."""
Fix = Callable[[Place], tuple]

KERNELS: dict[str, Kernel] = {}
"""The arithmetic of every operator in `engine.bends.catalog.OPERATORS`, by name."""
FIXED: dict[str, Fix] = {}
"""What operators make once per bend and shape of activation, for those that do."""


def kernel(name: str, fix: Fix | None = None) -> Callable[[Kernel], Kernel]:
    """Register the arithmetic of the operator called `name`, and what it fixes once."""

    def register(function: Kernel) -> Kernel:
        KERNELS[name] = function
        if fix is not None:
            FIXED[name] = fix
        return function

    return register


def generator(place: Place, stream: int) -> np.random.Generator:
    """Return random numbers that belong to a bend's seed; streams are independent."""
    return np.random.default_rng((place.bend.seed, 100 + stream))


def size(x: Tensor) -> tuple[int, int, int, int]:
    """Return an activation's shape as plain numbers, also while a graph is traced."""
    batch, channels, height, width = (int(n) for n in x.shape)
    return batch, channels, height, width
