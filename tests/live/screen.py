"""A virtual display of a test's own, and what it shows."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import numpy as np

from tests.waiting import cannot_run, wait_until

__all__ = ["Screen", "need_screen"]


def need_screen() -> None:
    """Leave the test where there is no Xvfb."""
    if shutil.which("Xvfb") is None:
        cannot_run("Xvfb is not installed (sudo apt install xvfb)")


class Screen:
    """Xvfb on a free display number.

    Attributes
    ----------
    environment : dict
        What a program needs to open its window here.
    """

    def __init__(self, width: int, height: int) -> None:
        self._geometry = f"{width}x{height}x24"
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Screen:
        reading, writing = os.pipe()
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", self._geometry, "-nolisten", "tcp"],
            pass_fds=(writing,),
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as answers:
            number = answers.readline().strip()
        assert number, "Xvfb did not start"
        self.name = f":{number}"
        # Drawing through SDL's GL path costs 18 ms a frame on a software renderer.
        self.environment = {"DISPLAY": self.name, "SDL_FRAMEBUFFER_ACCELERATION": "0", "SDL_VIDEODRIVER": "x11"}
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def look(self) -> np.ndarray:
        """Return what the display shows: uint8, shape (height, width, 3)."""
        import mss

        with mss.MSS(display=self.name) as camera:
            shot = camera.grab(camera.monitors[0])
        return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3)

    def look_until(self, condition: Callable[[np.ndarray], bool], what: str, ceiling_s: float = 30.0) -> np.ndarray:
        """Return what the display shows once `condition` holds for it."""
        shots = [self.look()]

        def fits() -> bool:
            shots[0] = self.look()
            return condition(shots[0])

        wait_until(fits, ceiling_s, what)
        return shots[0]

    def settled(self, different_from: np.ndarray | None = None) -> np.ndarray:
        """Return what the display shows once it stands still, is not black, and is not `different_from`."""
        last = [self.look()]

        def still(shot: np.ndarray) -> bool:
            before, last[0] = last[0], shot
            changed = different_from is None or not np.array_equal(shot, different_from)
            return changed and shot.max() > 40 and np.array_equal(shot, before)

        return self.look_until(still, "a display that stands still")
