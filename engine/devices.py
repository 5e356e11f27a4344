"""Which device and floating-point type a model runs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bentlight.errors import BadInput
from engine.errors import OutOfMemory

__all__ = ["choose_dtype", "enough_memory", "fast_bfloat16", "find_device", "lacks_memory"]


_LACK = ("out of memory", "_STATUS_ALLOC_FAILED")
"""What a device's libraries say of its memory, where torch does not tell it by an error of its own."""


def lacks_memory(error: Exception) -> bool:
    """Whether an error says that a device has not enough memory."""
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in _LACK)


@contextmanager
def enough_memory(what: str, advice: str = "choose a smaller size") -> Iterator[None]:
    """Turn a device's or this machine's lack of memory into an `OutOfMemory` that says for what, and what to do."""
    try:
        yield
    except RuntimeError as error:
        if lacks_memory(error):
            raise OutOfMemory(f"the device has not enough memory for {what}; {advice}.") from None
        if "can't allocate memory" in str(error):
            raise OutOfMemory(f"this machine has not enough memory for {what}; {advice}.") from None
        raise


def find_device(name: str) -> torch.device:
    """Return the device called `name`; ``auto`` is the first graphics device, or else the CPU.

    Raises
    ------
    BadInput
        If it is not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        # Of torch's meta device, whose tensors have no values, nothing comes back.
        torch.empty(0, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise BadInput(f"the device {name!r} is not on this machine; use auto, cpu, cuda or mps.") from None
    return device


def fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 faster than float32: with AMX.

    AVX-512 BF16 alone does not pay: its convolutions took 1.3 times as long as float32's, and training 1.6 times, on a
    Xeon that hides AMX; processors without either emulate bfloat16 at an eighth of the speed.
    """
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def choose_dtype(wanted: torch.dtype | str | None, device: torch.device) -> torch.dtype:
    """Return the floating-point type that was asked for, or the device's own.

    Raises
    ------
    BadInput
        If it is none that models can run in.
    """
    if wanted is None:
        return torch.float16 if device.type == "cuda" else torch.float32
    kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if isinstance(wanted, str):
        if wanted not in kinds:
            raise BadInput(f"dtype is {wanted!r}; it must be one of {', '.join(kinds)}.")
        return kinds[wanted]
    if wanted not in kinds.values():
        raise BadInput(f"dtype is {wanted}; it must be float32, float16 or bfloat16.")
    return wanted
