"""Measuring even blends: in the spare time of the render thread, or offline when one is come to; see `engine.paces`."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bentlight.clock import now_s
from engine.paces import PICTURES

if TYPE_CHECKING:
    from engine.generator import Generator
    from scenes.patch import Patch

__all__ = ["Pacer", "pace_now"]

log = logging.getLogger(__name__)

SHARE = 0.1
"""Part of the time for the show's pictures that may be spent on measuring."""
_LONGEST_S = 0.1
"""Pictures that take longer are not measured in a show: each would be a gap in it."""


@dataclass(slots=True)
class _Measuring:
    """A pair being measured."""

    pair: tuple[str, str]
    patch: Patch
    size: tuple[int, int]
    pictures: Iterator[None]


class Pacer:
    """Measures the blends of the scene that plays, one picture at a time, between the pictures of a show.

    Parameters
    ----------
    clock : callable
    """

    def __init__(self, clock: Callable[[], float] = now_s) -> None:
        self._clock = clock
        self._patch: Patch | None = None
        self._waiting: deque[tuple[str, str]] = deque()
        self._lock = threading.Lock()
        self._going: _Measuring | None = None
        self._credit_s = self._cost_s = 0.0

    def want(self, generator: Generator, patch: Patch) -> None:
        """Tell a scene that is to be played what is known, and have the rest of it measured; from any thread."""
        unknown = deque(pair for pair in patch.pairs if not _told(generator, patch, pair))
        with self._lock:
            self._patch, self._waiting = patch, unknown

    def spend(self, generator: Generator, made_s: float, *, hurried: bool = False) -> None:
        """Measure a little after a picture that took `made_s`, if there is time for it; on the render thread.

        Not if `hurried`: the next picture is not to come later, and there will be some more time after it.
        """
        if not self._waiting and self._going is None:
            return
        self._credit_s = min(self._credit_s + SHARE * made_s, 2 * self._cost_s)
        if hurried or made_s > _LONGEST_S or self._credit_s < self._cost_s:
            return
        begun_s = self._clock()
        try:
            self._go_on(generator)
        except Exception as error:
            # It is an ornament: the show goes on without it.
            log.warning("a blend of prompts could not be measured: %s", error)
            self._going = None
        self._cost_s = self._clock() - begun_s
        self._credit_s -= self._cost_s

    def _go_on(self, generator: Generator) -> None:
        with self._lock:
            patch = self._patch
            if self._going is None or self._going.patch is not patch or self._going.size != generator.size:
                if self._going is not None and self._going.patch is patch:
                    self._waiting.appendleft(self._going.pair)  # begun at another size
                self._going = None
                if patch is None or not self._waiting or not generator.can_pace(patch.resting):
                    return
                pair = self._waiting.popleft()
                if _told(generator, patch, pair):
                    return
                self._going = _Measuring(pair, patch, generator.size, generator.pacing(*pair, patch.resting))
        going = self._going
        try:
            next(going.pictures)
        except StopIteration:
            self._going = None
            _told(generator, going.patch, going.pair)


def _told(generator: Generator, patch: Patch, pair: tuple[str, str]) -> bool:
    """Tell a scene the pace of a pair, if it is known."""
    pace = generator.pace(*pair, patch.resting)
    if pace is not None:
        patch.learn(*pair, pace)
    return pace is not None


def pace_now(
    generator: Generator,
    patch: Patch,
    tell: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Measure what is not known of a scene's blends, and tell the scene.

    Parameters
    ----------
    generator : Generator
        Ready for the scene.
    patch : Patch
    tell : callable, optional
        Called with one sentence before something is measured.
    progress : callable, optional
        Called with (pictures done, pictures in all) after each.
    """
    unknown = [pair for pair in patch.pairs if not _told(generator, patch, pair)]
    if not unknown or not generator.can_pace(patch.resting):
        return
    if tell is not None:
        blends = "a blend of prompts goes" if len(unknown) == 1 else f"{len(unknown)} blends of prompts go"
        tell(f"measuring once how {blends}, so that the change is even")
    total = len(unknown) * PICTURES
    for number, pair in enumerate(unknown):
        try:
            for done, _ in enumerate(generator.pacing(*pair, patch.resting), number * PICTURES + 1):
                if progress is not None:
                    progress(done, total)
        except Exception as error:
            # The resting picture may break where those that are heard do not.
            log.warning("a blend of prompts could not be measured: %s", error)
        _told(generator, patch, pair)
        # At once: with a large model each takes long, and this may be stopped.
        if generator.paces is not None:
            generator.paces.save()
