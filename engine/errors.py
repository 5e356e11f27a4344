"""Errors of the engine that a caller can act on. No torch."""

from __future__ import annotations

from bentlight.errors import BentlightError

__all__ = ["NotFinite", "OutOfMemory"]


class OutOfMemory(BentlightError):
    """The device has not enough memory for a picture of this size; `Generator.resize` to a smaller one and go on."""


class NotFinite(BentlightError):
    """A picture came out with values that are not finite; it is not to be shown.

    Parameters
    ----------
    bend : str or None
    unbent : bool
        Whether no bend was moved, so that the model itself made them.

    Attributes
    ----------
    bend : str or None
        The bend that made them; None when it is not (yet) known, or there is none.
    unbent : bool
    """

    def __init__(self, bend: str | None = None, *, unbent: bool = False) -> None:
        who = f"the bend {bend}" if bend is not None else "a bend"
        what = "values that are not finite; the picture before stays"
        said = f"the model itself, not a bend, made {what}, and another copy of it or float32 may help."
        super().__init__(said if unbent else f"{who} made {what}.")
        self.bend, self.unbent = bend, unbent
