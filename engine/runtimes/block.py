"""`Block`: tensors that are written together, by one copy from the host's memory to the device's."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["Block"]

_ALIGNED = 256
"""Bytes; what a device's allocator gives, so that kernels load as widely as from tensors of their own."""


class Block:
    """Tensors at fixed places.

    Parameters
    ----------
    examples : mapping of str to Tensor
        Their shapes and types.
    device : torch.device
    pinned : bool
        Whether the host's side is locked in memory, so that a copy runs beside the host.

    Attributes
    ----------
    tensors : dict
        The device's side, by name.
    """

    def __init__(self, examples: Mapping[str, Tensor], device: torch.device, pinned: bool) -> None:
        starts, total = {}, 0
        for name, example in examples.items():
            starts[name] = total
            total += -(-example.numel() * example.element_size() // _ALIGNED) * _ALIGNED
        self._host = torch.zeros(total, dtype=torch.uint8, pin_memory=pinned)
        self._device = torch.zeros(total, dtype=torch.uint8, device=device)
        self._hosts = {name: _view(self._host, starts[name], example) for name, example in examples.items()}
        self.tensors = {name: _view(self._device, starts[name], example) for name, example in examples.items()}

    def write(self, values: Mapping[str, Tensor]) -> None:
        """Set some or all of the tensors from the CPU; the device has them as soon as its queue gets there.

        The last picture must have been waited for: its copy reads the same memory.
        """
        for name, value in values.items():
            self._hosts[name].copy_(value)
        self._device.copy_(self._host, non_blocking=True)


def _view(block: Tensor, start: int, example: Tensor) -> Tensor:
    size = math.prod(example.shape) * example.element_size()
    return block[start : start + size].view(example.dtype).view(example.shape)
