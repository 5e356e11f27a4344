"""What the system's signals end, and how."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["end_on_signals", "signals_interrupt"]


def end_on_signals(quit_: threading.Event) -> Callable[[], None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the show in order, recordings finished.

    A second Ctrl-C or SIGTERM ends it at once. A second SIGHUP does not: a terminal that is closed sends several. Where
    SIGHUP is ignored, as under `nohup`, it stays so.

    Returns what puts the former handlers back. Does nothing off the main thread, where Python has no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def ask(number: int, frame: object) -> None:
        if quit_.is_set() and number != hangup:
            raise KeyboardInterrupt
        quit_.set()

    hangup = getattr(signal, "SIGHUP", None)
    return _handle([signal.SIGINT, *_endings()], ask)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does, and each only once, so that what was made is not lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    numbers = [signal.SIGINT, *_endings()]

    def interrupt(number: int, frame: object) -> None:
        # A terminal that is closed sends several, hands are impatient: the next would come while what was made is kept.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    restore = _handle(numbers, interrupt)
    try:
        yield
    finally:
        restore()


def _endings() -> list[signal.Signals]:
    """SIGTERM, and SIGHUP where there is one that is not ignored."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


def _handle(numbers: list[signal.Signals], handler: Callable[[int, object], None]) -> Callable[[], None]:
    before = {number: signal.signal(number, handler) for number in numbers}

    def restore() -> None:
        for number, former in before.items():
            signal.signal(number, former)

    return restore
