"""Plays a sound file to the default output: ``python -m live.stand_ins.clicker FILE``, a process of its own.

For each block prints the number of its first sample and the host clock, in seconds, at which it was handed over, so
that it is known when any sample was. The output is not the program's own: it plays to what it listens to.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from bentlight.clock import now_s

BLOCK = 128


def main() -> None:
    """Play the file that is the only argument."""
    import sounddevice
    import soundfile

    samples, rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
    handed: list[tuple[int, float]] = []
    at, ended = 0, threading.Event()

    def fill(out: np.ndarray, frames: int, _time: Any, _status: Any) -> None:
        nonlocal at
        handed.append((at, now_s()))
        block = samples[at : at + frames]
        out[:] = 0.0
        out[: len(block)] = block
        at += frames
        if at >= len(samples):
            raise sounddevice.CallbackStop

    with sounddevice.OutputStream(
        rate, BLOCK, channels=samples.shape[1], dtype="float32", latency="low", callback=fill,
        finished_callback=ended.set,
    ):  # fmt: skip
        ended.wait()
    for first, moment_s in handed:
        print(f"{first} {moment_s:.6f}")


if __name__ == "__main__":
    main()
