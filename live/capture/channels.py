"""Which channels of an input are heard, and what is said where those asked for are not there."""

from __future__ import annotations

from collections.abc import Collection

from bentlight.errors import BadInput

__all__ = ["channels_heard"]


def channels_heard(name: str, there: int, wanted: Collection[int], *, insist: bool) -> tuple[int, str]:
    """Return how many channels have to be opened, and a note for the performer, or an empty one.

    Parameters
    ----------
    name : str
        Of the input.
    there : int
        How many channels it has.
    wanted : collection of int
        Counted from 1; none for the first two.
    insist : bool
        Refuse an input without them; otherwise its first two are heard.

    Raises
    ------
    BadInput
        If it has not all of them and is refused.
    """
    first, last = min(2, there), max(wanted, default=0)
    if last <= there:
        return last or first, ""
    if insist:
        raise BadInput(
            f"'{name}' has {there} channels and no channel {last}; use --channels with numbers from 1 to {there}."
        )
    heard = "first two are" if first == 2 else "only one is"
    return first, f"'{name}' has no channel {last}, so its {heard} heard; key I takes the next input."
