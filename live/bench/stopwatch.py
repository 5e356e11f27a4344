"""`Stopwatch`: where the time of nested work goes, without counting any of it twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bentlight.clock import now_s

__all__ = ["Stopwatch"]


class Stopwatch:
    """Charges time to the innermost stage that is open, so that all stages add up to the time of the outermost.

    Parameters
    ----------
    clock : callable
        Gives the time in s.

    Attributes
    ----------
    spent_s : dict of str to float
        Time charged to each stage so far, in s.
    """

    def __init__(self, clock: Callable[[], float] = now_s) -> None:
        self.spent_s: dict[str, float] = {}
        self._clock = clock
        self._open: list[str] = []
        self._since_s = 0.0

    def enter(self, stage: str) -> None:
        """Charge what follows to a stage, until `leave`."""
        self._charge()
        self._open.append(stage)

    def leave(self) -> None:
        """Go back to the stage around the innermost one."""
        self._charge()
        self._open.pop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the block to a stage."""
        self.enter(name)
        try:
            yield
        finally:
            self.leave()

    def wrapped(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return a function whose calls are charged to a stage."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage):
                return function(*args, **kwargs)

        return timed

    @contextmanager
    def watching(self, owner: Any, name: str, stage: str) -> Iterator[None]:
        """Charge the calls of an object's (or a module's) function to a stage, inside the block."""
        own = name in vars(owner)
        plain = getattr(owner, name)
        setattr(owner, name, self.wrapped(plain, stage))
        try:
            yield
        finally:
            if own:
                setattr(owner, name, plain)
            else:
                delattr(owner, name)

    def _charge(self) -> None:
        now = self._clock()
        if self._open:
            inner = self._open[-1]
            self.spent_s[inner] = self.spent_s.get(inner, 0.0) + now - self._since_s
        self._since_s = now
