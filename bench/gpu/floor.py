"""What a device could do at best: its peaks, measured, and the work that one picture needs at least."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Floor", "Peaks", "measure_peaks", "work_of"]

_MATRIX_PRODUCTS = ("convolution", "mm", "linear", "matmul", "attention")
"""Parts of the names of operations."""
REPEATS = 20


@dataclass(frozen=True, slots=True)
class Peaks:
    """A device's best: operations (multiply and add are two) and bytes moved, per second."""

    operations_per_s: float
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that one picture needs.

    Attributes
    ----------
    operations : int
        Of convolutions, matrix products and attention.
    bytes : int
        What those read and write, weights among it, if everything between them cost nothing.
    """

    operations: int
    bytes: int

    def ms(self, peaks: Peaks) -> tuple[float, float]:
        """Return the time for the operations and for the bytes at a device's peaks, in ms."""
        return 1e3 * self.operations / peaks.operations_per_s, 1e3 * self.bytes / peaks.bytes_per_s


def measure_peaks(device: torch.device, dtype: torch.dtype, small: bool) -> Peaks:
    """Time a large matrix product and a large copy, the best of several of each."""
    side, size = (256, 1 << 22) if small else (8192, 1 << 30)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    product = _best_s(lambda: torch.mm(a, b), device)
    copy = _best_s(lambda: target.copy_(source), device)
    return Peaks(2 * side**3 / product, 2 * size / copy)


def _best_s(work: Callable[[], Any], device: torch.device) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        _wait(device)
        begun = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def work_of(render: Callable[[], Any]) -> Floor:
    """Return what one picture needs, counted while it is made eagerly."""
    with FlopCounterMode(display=False) as counter:
        render()
    with _Bytes() as moved:
        render()
    return Floor(counter.get_total_flops(), moved.total)


class _Bytes(TorchDispatchMode):
    """Adds up what matrix products read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if any(word in func._schema.name for word in _MATRIX_PRODUCTS):
            tensors = [x for x in tree_flatten((args, kwargs, found))[0] if isinstance(x, Tensor)]
            self.total += sum(x.numel() * x.element_size() for x in tensors)
        return found
