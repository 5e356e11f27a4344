"""Even blends: the prompts' weights at a pace at which pictures change evenly; see `engine.paces`."""

from __future__ import annotations

from engine.paces import Pace, evened

__all__ = ["EvenBlends", "Mix"]

Mix = tuple[tuple[str, float], ...]

_END = 0.02
"""Share of a prompt below which a pace that was learnt meanwhile is taken up: there it moves the picture little."""


class EvenBlends:
    """The paces of a scene's blends, as far as they are known.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Texts whose blend is to be even.
    """

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._pairs = pairs
        self._known: dict[tuple[str, str], Pace] = {}
        self._going: dict[tuple[str, str], Pace | None] = {}
        """The paces of what is being blended, which are not changed on the way."""

    def learn(self, first: str, second: str, pace: Pace) -> None:
        """Take the pace from the first text of one of the pairs to the second."""
        self._known = {**self._known, (first, second): pace}

    def carry_over(self, previous: EvenBlends) -> None:
        """Go on at the paces that `previous` goes at."""
        self._known, self._going = {**previous._known, **self._known}, previous._going

    def at_pace(self, mix: Mix) -> Mix:
        """Return the weights with which the pictures between these texts change evenly; see `engine.paces.evened`."""
        weights = dict(mix)
        going: dict[tuple[str, str], Pace | None] = {}
        for pair in self._pairs:
            if not weights.keys() >= set(pair):
                continue
            on_the_way = pair in self._going and min(weights[text] for text in pair) > _END
            going[pair] = self._going[pair] if on_the_way else self._known.get(pair)
        self._going = going
        return tuple(evened(weights, going).items()) if any(going.values()) else mix
