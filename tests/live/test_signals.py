"""Signals: what ends a show in order, and what interrupts a rendering so that it is kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from live.signals import end_on_signals, signals_interrupt


@pytest.fixture
def asked() -> Iterator[threading.Event]:
    """Set once a signal has asked for the end."""
    # These tests may themselves run under nohup, where SIGHUP is ignored.
    before = {s: signal.signal(s, signal.SIG_DFL) for s in [getattr(signal, "SIGHUP", None)] if s is not None}
    wish = threading.Event()
    restore = end_on_signals(wish)
    yield wish
    restore()
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_the_show_in_order(asked, name):
    if not hasattr(signal, name):
        pytest.skip(f"this system has no {name}")
    signal.raise_signal(getattr(signal, name))
    assert asked.is_set()
    if name == "SIGHUP":
        signal.raise_signal(signal.SIGHUP)  # a terminal that is closed sends several
    else:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(getattr(signal, name))


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_show_under_nohup_goes_on_when_the_terminal_is_closed():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    wish = threading.Event()
    restore = end_on_signals(wish)
    try:
        signal.raise_signal(signal.SIGHUP)
        assert not wish.is_set()
    finally:
        restore()
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_interrupt_a_rendering_once(name):
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"this system has no {name}")
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with signals_interrupt():
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(number)  # while what was made is kept
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
