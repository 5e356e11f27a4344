"""Measuring even blends in the spare time of the render thread; see `engine.paces`."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bentlight.clock import now_s

if TYPE_CHECKING:
    from engine.generator import Generator
    from engine.spec import FrameSpec
    from scenes.patch import Patch

__all__ = ["Pacer", "pace_now"]

log = logging.getLogger(__name__)

SHARE = 0.1
"""Part of the time for the show's pictures that may be spent on measuring."""


class Pacer:
    """Measures the blends of the scene that plays, one picture at a time, between the pictures of a show.

    Parameters
    ----------
    clock : callable
    """

    def __init__(self, clock: Callable[[], float] = now_s) -> None:
        self._clock = clock
        self._waiting: deque[tuple[str, str, FrameSpec]] = deque()
        self._lock = threading.Lock()
        self._going: Iterator[None] | None = None
        self._credit_s = self._cost_s = 0.0

    def want(self, generator: Generator, patch: Patch) -> None:
        """Have a scene's blends measured, and no longer those of the scene before; from any thread."""
        generator.unpaced(patch.pairs)  # so that the file is not read first between two pictures
        wanted = deque((first, second, patch.resting) for first, second in patch.pairs)
        with self._lock:
            self._waiting = wanted

    def spend(self, generator: Generator, made_s: float, *, hurried: bool = False) -> None:
        """Measure a little after a picture that took `made_s`, if there is time for it; on the render thread.

        Not if `hurried`: the next picture is not to come later, and there will be more time after it.
        """
        if (self._going is None and not self._waiting) or generator.prompt_space is None:
            return
        self._credit_s += SHARE * made_s
        if hurried or self._credit_s < self._cost_s:
            return
        begun_s = self._clock()
        try:
            if self._going is None:
                self._going = self._next(generator)
            if self._going is not None and next(self._going, self) is self:
                self._going = None
        except Exception as error:
            # It is an ornament: the show goes on without it.
            log.warning("a blend of prompts could not be measured: %s", error)
            self._going = None
        self._cost_s = self._clock() - begun_s
        self._credit_s -= self._cost_s

    def _next(self, generator: Generator) -> Iterator[None] | None:
        with self._lock:
            while self._waiting:
                first, second, resting = self._waiting.popleft()
                if generator.unpaced([(first, second)]):
                    return generator.pacing(first, second, resting)
        return None


def pace_now(generator: Generator, patch: Patch, spec: FrameSpec) -> None:
    """Measure the blend that a picture lies in, if it is one of its scene's that have not been measured."""
    texts = {text for text, weight in spec.prompts if weight > 0}
    if len(texts) < 2:
        return
    for first, second in generator.unpaced(pair for pair in patch.pairs if texts.issuperset(pair)):
        for _ in generator.pacing(first, second, patch.resting):
            pass
        generator.save_paces()
