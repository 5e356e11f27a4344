"""The clips: classes by name, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from bentlight.errors import BadInput
from live.bench.hearing import pieces, rhythms
from live.bench.hearing.draw import Draw, Half
from live.bench.hearing.sampled import Band
from live.bench.hearing.song import Song
from live.bench.hearing.truth import Attack, Clip

__all__ = ["CLASSES", "TUNE_SEED", "check_names", "clip", "clips", "how_many"]

TUNE_SEED = 20_260
"""The tuning half is always these clips."""

_Writer = Callable[[Draw], Song]

_GROUPS: tuple[tuple[tuple[_Writer, ...], Attack, bool], ...] = (
    (rhythms.KITS, "percussive", True),
    (pieces.PLUCKED, "percussive", True),
    (pieces.MIXED, "mixed", True),
    (pieces.SLOW, "slow", False),
    (pieces.NOTHING, "none", False),
)

CLASSES: dict[str, tuple[_Writer, Attack, bool]] = {
    writer.__name__: (writer, attack, beats) for writers, attack, beats in _GROUPS for writer in writers
}
"""Name → (writer, attack class, whether a beat can be told)."""


SLOW_TIMES = 2
"""Slow attacks have three classes and a dozen notes a clip: with fewer clips chance would decide their figure."""


def how_many(name: str, each: int) -> int:
    """Return how many clips of a class are drawn when there are to be `each`."""
    return SLOW_TIMES * each if CLASSES[name][1] == "slow" else each


def check_names(names: Collection[str]) -> None:
    """Raise `BadInput` if one of the names is not a class of clips."""
    for name in names:
        if name not in CLASSES:
            raise BadInput(f"There is no class of clips called {name!r}; there are {', '.join(CLASSES)}.")


def clip(
    name: str,
    index: int = 0,
    *,
    seed: int = TUNE_SEED,
    half: Half = "tune",
    rate: int | None = None,
    seconds: float | None = None,
    band: Band | None = None,
) -> Clip:
    """Return one clip; when not said, its rate is drawn from 44.1 and 48 kHz, its length from 18 to 32 s.

    With a band, its instruments play.

    Raises
    ------
    BadInput
        If there is no such class.
    """
    check_names([name])
    writer, attack, beats = CLASSES[name]
    seed = TUNE_SEED if half == "tune" else seed
    return writer(Draw(seed, half, name, index, rate, seconds, band)).clip(name, index, attack, beats=beats)


def clips(
    seed: int = TUNE_SEED,
    half: Half = "tune",
    *,
    only: Collection[str] | None = None,
    each: int = 2,
    seconds: float | None = None,
    band: Band | None = None,
) -> Iterator[Clip]:
    """Yield the clips of a half.

    Parameters
    ----------
    seed : int
        Of the report half; the tuning half has its own, which never changes.
    half : "tune" or "report"
    only : collection of str, optional
        Classes; all of them when not said.
    each : int
        How many of each class; of slow attacks twice as many.
    seconds : float, optional
        Length of each clip.
    band : Band, optional
        Plays in place of the synthesised instruments.

    Raises
    ------
    BadInput
        If `only` names a class that does not exist.
    """
    for name in CLASSES if only is None else only:
        for index in range(how_many(name, each)):
            yield clip(name, index, seed=seed, half=half, seconds=seconds, band=band)
