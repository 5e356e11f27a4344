"""How far a long command is: bars on a terminal, and a line a minute in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["Lines", "counting"]

Told = Callable[[int, int], None]

_EVERY_S = 60.0


class Lines:
    """Tells how far something is, a line a minute and one when it is done.

    Parameters
    ----------
    what : str
        What is counted, for people.
    tell : callable
        Takes each line.
    clock : callable
        In seconds.
    """

    def __init__(self, what: str, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._tell, self._clock = what, tell, clock
        self._said_s = 0.0
        self._first: tuple[float, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Take how many are done of how many."""
        now_s = self._clock()
        if self._first is None:
            # A model has to be loaded before the first, which says nothing of the others.
            self._first, self._said_s = (now_s, done), now_s
        first_s, first = self._first
        if done < total and now_s - self._said_s < _EVERY_S:
            return
        self._said_s = now_s
        left_s = (now_s - first_s) / max(done - first, 1) * (total - done)
        left = f", {_length(left_s)} left" if done < total else ""
        self._tell(f"{done} of {total} {self._what} ({100 * done / max(total, 1):.0f} %){left}")


@contextmanager
def counting(*whats: str, console: Console | None = None) -> Iterator[tuple[Told, ...]]:
    """Give for each thing that is counted what takes (done, in all), and show it on standard error.

    Parameters
    ----------
    *whats : str
        What is counted, in the order in which it comes.
    console : Console, optional
        Instead of standard error.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        # A bar is drawn over itself, of which a log keeps nothing until the end.
        lines = console.file
        yield tuple(Lines(what, lambda line: print(line, file=lines, flush=True)) for what in whats)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:

        def shown(what: str) -> Told:
            task = bar.add_task(what, total=None, visible=what == whats[-1])
            return lambda done, total: bar.update(task, completed=done, total=total, visible=True)

        yield tuple(map(shown, whats))


def _length(seconds: float) -> str:
    """Return a length of time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
