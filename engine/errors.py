"""Errors of the engine that a caller can act on. No torch."""

from __future__ import annotations

from bentlight.errors import BentlightError

__all__ = ["NotFinite", "OutOfMemory"]


class OutOfMemory(BentlightError):
    """The device has not enough memory for a picture of this size; `Generator.resize` to a smaller one and go on."""


class NotFinite(BentlightError):
    """A picture came out with values that are not finite; it is not to be shown.

    Attributes
    ----------
    bend : str or None
        The bend that made them; None when it is not (yet) known.
    """

    def __init__(self, bend: str | None = None) -> None:
        who = f"the bend {bend}" if bend is not None else "a bend"
        super().__init__(f"{who} made values that are not finite; the picture before stays.")
        self.bend = bend
