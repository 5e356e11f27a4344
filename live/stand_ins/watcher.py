"""Says when a virtual display turns bright: ``python -m live.stand_ins.watcher FILE``, a process of its own.

Prints the host clock, in seconds, of each moment at which the middle of the screen turns from dark to bright, until its
standard input is closed.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from bentlight.clock import now_s
from live.stand_ins.display import FrameBuffer

DARK, BRIGHT = 60.0, 120.0
LOOK_EVERY_S = 0.0005


def watch(frame: FrameBuffer, ended: threading.Event) -> None:
    """Print the moments until `ended` is set."""
    bright = frame.middle() > DARK
    while not ended.is_set():
        level = frame.middle()
        if bright:
            bright = level > DARK
        elif level > BRIGHT:
            bright = True
            print(f"{now_s():.6f}", flush=True)
        time.sleep(LOOK_EVERY_S)


def main() -> None:
    """Watch the display whose file is the only argument."""
    frame, ended = FrameBuffer(Path(sys.argv[1])), threading.Event()
    watcher = threading.Thread(target=watch, args=(frame, ended))
    watcher.start()
    sys.stdin.read()
    ended.set()
    watcher.join()


if __name__ == "__main__":
    main()
