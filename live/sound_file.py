"""Sound files: is this one, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.files import sound_info
from bentlight.errors import BadInput

__all__ = ["DamagedSound", "SoundInfo", "measure"]

_FINE = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32")
"""What libsndfile calls samples of more than 16 bits. What is coded with losses has no bits to keep."""


class DamagedSound(BadInput):
    """A sound file that can be read only so far.

    Parameters
    ----------
    path : Path
    good_s : float
        Length of the sound before the damage, in seconds.
    """

    def __init__(self, path: Path, good_s: float) -> None:
        self.path, self.good_s = path, good_s
        super().__init__(f"{path} is damaged from second {good_s:.1f} on; mend the file or take another.")


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What a sound file holds.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    channels : int
    frames : int
        Length in samples, from 1.
    bits : int
        How finely its samples are stored: 16, or 24 for whatever is finer.
    """

    sample_rate: int
    channels: int
    frames: int
    bits: int = 16

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def measure(path: Path) -> SoundInfo:
    """Return what a sound file says of itself; damage further on is not seen.

    Raises
    ------
    BadInput
        If it cannot be read as sound, holds none, or does not say how long it is.
    """
    info = sound_info(path)
    return SoundInfo(info.samplerate, info.channels, info.frames, 24 if info.subtype in _FINE else 16)
