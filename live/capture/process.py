"""The process of the ears: ``python -m live.capture.process FEATURES SAMPLES CONTROL GENERATION``.

It imports neither torch nor pygame, and ends when its parent does: standard input is a pipe whose other end only the
parent holds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

__all__ = ["main"]

_PRIORITY = 10
_PEEK_S = 0.25


def main(arguments: list[str] | None = None) -> None:
    """Hear until told to stop or until the parent is gone."""
    features, samples, control, generation = arguments if arguments is not None else sys.argv[1:]
    # An interrupt from the keyboard goes to the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()

    from live.capture.control_block import ControlBlock
    from live.capture.feature_ring import FeatureRing
    from live.capture.hearing import Hearing
    from live.capture.sample_ring import SampleRing

    hearing = Hearing(
        FeatureRing.attach(features), SampleRing.attach(samples), ControlBlock.attach(control), int(generation)
    )
    _raise_priority()
    hearing.run()
    # Straight out: a stream that a hung sound server holds would keep an orderly exit waiting.
    os._exit(0)


def _end_with_parent() -> None:
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        # A read that waits would hold up whoever asks about standard input: OpenBLAS does, when numpy is imported.
        pipe = msvcrt.get_osfhandle(0)
        with contextlib.suppress(OSError):
            while True:
                _winapi.PeekNamedPipe(pipe, 0)
                time.sleep(_PEEK_S)
    else:
        while os.read(0, 4096):
            pass
    os._exit(0)


def _raise_priority() -> None:
    """Ask for the real-time class, or else for a better nice value; without the right to, go on as we are."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    except (AttributeError, OSError):
        try:
            os.nice(-10)
        except (AttributeError, OSError):
            return


if __name__ == "__main__":
    main()
