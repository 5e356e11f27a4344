"""The demo track: where it lies; ``python -m live.capture.demo`` makes it anew from `live.capture.demo_song`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["demo_path", "write_demo"]

_PATH = Path(__file__).with_name("demo.ogg")
_QUALITY = 0.65
"""libsndfile's compression level, 0 (large) to 1 (small)."""


def demo_path() -> Path:
    """Return the path of the demo track, a stereo Ogg Vorbis file."""
    return _PATH


def write_demo(path: Path = _PATH) -> None:
    """Synthesise the demo track into `path`, its peak at -1 dBFS as it will be decoded."""
    import numpy as np
    import soundfile

    from live.capture.demo_song import PEAK_DB, song

    sound = song()
    _encode(path, sound)
    decoded, _ = soundfile.read(str(path))
    # A lossy coder moves the peaks, so they are measured after it.
    _encode(path, sound * np.float32(10 ** (PEAK_DB / 20) / np.abs(decoded).max()))


def _encode(path: Path, sound: np.ndarray) -> None:
    import soundfile

    from live.capture.demo_song import RATE

    with soundfile.SoundFile(
        str(path), "w", RATE, 2, format="OGG", subtype="VORBIS", compression_level=_QUALITY
    ) as file:
        # libsndfile's Vorbis encoder needs stack in proportion to one write.
        for start in range(0, len(sound), RATE):
            file.write(sound[start : start + RATE])


if __name__ == "__main__":
    write_demo()
    print(f"{_PATH}: {_PATH.stat().st_size} bytes")
