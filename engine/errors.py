"""Errors of the engine that a caller can act on. No torch."""

from __future__ import annotations

from bentlight.errors import BentlightError

__all__ = ["OutOfMemory"]


class OutOfMemory(BentlightError):
    """The device has not enough memory for a picture of this size; `Generator.resize` to a smaller one and go on."""
