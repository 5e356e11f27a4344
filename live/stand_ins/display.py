"""A virtual display (Xvfb) whose picture can be read straight from memory."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from bentlight.errors import BadInput

__all__ = ["FrameBuffer", "VirtualDisplay", "missing"]

_HEADER_WORDS = 25
_COLOUR_BYTES = 12


def missing() -> str:
    """Return what this machine lacks for a virtual display, or an empty text."""
    return "" if shutil.which("Xvfb") else "Xvfb not found; apt install xvfb"


class FrameBuffer:
    """What a virtual display shows, as it stands in memory: nothing is asked of the X server.

    Parameters
    ----------
    path : Path
        The file that Xvfb keeps its screen in (``-fbdir``): an XWD header, a colour map, then 32-bit pixels.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        words = np.frombuffer(self._memory, ">u4", _HEADER_WORDS)
        header, self.width, self.height = (int(words[k]) for k in (0, 4, 5))
        line, colours = int(words[12]), int(words[19])
        if int(words[11]) != 32:
            raise BadInput(f"The virtual display has {int(words[11])} bits a pixel; 32 are needed.")
        start = header + colours * _COLOUR_BYTES
        pixels = np.frombuffer(self._memory, np.uint8, self.height * line, start)
        # Blue, green, red, unused.
        self._pixels = pixels.reshape(self.height, line // 4, 4)[:, : self.width]

    def look(self) -> np.ndarray:
        """Return a copy of the screen: red, green, blue; uint8, shape (height, width, 3)."""
        return np.ascontiguousarray(self._pixels[..., 2::-1])

    def middle(self) -> float:
        """Return the mean of a few pixels around the middle, 0 to 255; cheap enough to be called all the time."""
        y, x = self.height // 2, self.width // 2
        return float(self._pixels[y - 8 : y + 8 : 4, x - 8 : x + 8 : 4, :3].mean())


class VirtualDisplay:
    """Xvfb on a free display number; use it as a context.

    Parameters
    ----------
    width, height : int
        In pixels.

    Attributes
    ----------
    name : str
        Its name for X programs, such as ``:5``.
    environment : dict
        What a program needs to open its window there.
    file : Path
        What `FrameBuffer` reads.

    Raises
    ------
    BadInput
        On entering, if there is no Xvfb or it does not start.
    """

    def __init__(self, width: int, height: int) -> None:
        self._geometry = f"{width}x{height}x24"
        self.name = ""
        self.environment: dict[str, str] = {}
        self._ending = contextlib.ExitStack()

    def __enter__(self) -> VirtualDisplay:
        if reason := missing():
            raise BadInput(f"A virtual display cannot be run: {reason}.")
        with contextlib.ExitStack() as ending:
            folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="screen", ignore_cleanup_errors=True))
            reading, writing = os.pipe()
            process = subprocess.Popen(
                [
                    *("Xvfb", "-displayfd", str(writing), "-screen", "0", self._geometry),
                    *("-nolisten", "tcp", "-nocursor", "-fbdir", folder),
                ],
                pass_fds=(writing,),
                stderr=subprocess.DEVNULL,
            )
            ending.callback(process.wait, 20)
            ending.callback(process.terminate)
            os.close(writing)
            with os.fdopen(reading) as answers:
                number = answers.readline().strip()
            if not number:
                raise BadInput("The virtual display (Xvfb) did not start.")
            self.name, self.file = f":{number}", Path(folder) / "Xvfb_screen0"
            # Drawing through SDL's GL path costs 18 ms a frame on a software renderer.
            self.environment = {"DISPLAY": self.name, "SDL_FRAMEBUFFER_ACCELERATION": "0", "SDL_VIDEODRIVER": "x11"}
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()
