"""A whole file, heard exactly as live."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.bars import METRE
from analysis.files import sound_info, unreadable
from analysis.frame import FEATURE_FRAME
from analysis.live import HEARD_CHANNELS, LiveAnalyzer
from analysis.loudness import GATE_DB
from bentlight.errors import BadInput
from bentlight.paths import for_soundfile

__all__ = ["Track", "analyze"]

_BLOCK_S = 0.25


@dataclass(frozen=True, slots=True)
class Track:
    """What was heard in a file.

    Attributes
    ----------
    path : str
    sample_rate : int
        The file's own rate in Hz.
    channels : int
    duration_s : float
    frames : ndarray of FEATURE_FRAME, shape (hops,)
        As live, with stream time 0 at the file's first sample.
    """

    path: str
    sample_rate: int
    channels: int
    duration_s: float
    frames: np.ndarray

    @property
    def fire_times_s(self) -> np.ndarray:
        """Times at which a live listener could first act on each onset, shape (onsets,)."""
        return self.frames["time_s"][self.frames["onset"] > 0]

    @property
    def onset_times_s(self) -> np.ndarray:
        """Times at which the onsets are thought to lie, shape (onsets,)."""
        hits = self.frames[self.frames["onset"] > 0]
        return np.maximum(0.0, hits["time_s"] - hits["onset_age_s"])

    @property
    def beat_times_s(self) -> np.ndarray:
        """Times of the beats, shape (beats,): where the beat phase wraps."""
        frames = self.frames
        began = np.flatnonzero(np.diff(frames["beat_count"].astype(np.int64), prepend=0) > 0)
        late_s = frames["beat_phase"][began] * 60.0 / np.maximum(frames["tempo"][began], 1.0)
        return np.maximum(0.0, frames["time_s"][began] - late_s)

    @property
    def tempo(self) -> float:
        """Median tempo in BPM of the part in which it was known; 0 if it never was."""
        known = self.frames["tempo"][self.frames["tempo"] > 0]
        return float(np.median(known)) if len(known) else 0.0


def analyze(
    path: str | Path,
    *,
    gain_db: float | str = 0.0,
    gate_db: float = GATE_DB,
    onset_method: str = "auto",
    metre: int = METRE,
    progress: Callable[[float], None] | None = None,
) -> Track:
    """Hear a file exactly as `LiveAnalyzer` hears it live.

    Parameters
    ----------
    path : str or Path
        Any file that libsndfile reads: wav, flac, ogg, mp3, aiff, …
    gain_db : float or "auto", optional
        0 as for `LiveAnalyzer`; `bentlight play` and `bentlight analyze` take ``"auto"`` when nothing is said.
    gate_db : float, optional
    onset_method : str, optional
    metre : int, optional
        As `LiveAnalyzer` takes them.
    progress : callable, optional
        Called now and then with the share done, 0 to 1.

    Raises
    ------
    BadInput
        If the file is not there, is not a sound file, is empty or does not say how long it is; or if there is no such
        gain, gate, onset method or metre.
    """
    import soundfile

    path = Path(path)
    if not os.path.isfile(path):
        raise BadInput(f"{path} is not a file; give the path of a sound file.")
    sound_info(path)
    try:
        with soundfile.SoundFile(for_soundfile(path)) as file:
            analyzer = LiveAnalyzer(
                file.samplerate, gain_db=gain_db, gate_db=gate_db, onset_method=onset_method, metre=metre
            )
            total, parts, done = max(1, file.frames), [], 0
            size = max(1, round(_BLOCK_S * file.samplerate))
            for block in file.blocks(size, dtype="float32", always_2d=True):
                parts.append(analyzer.process(block[:, :HEARD_CHANNELS]))
                done += len(block)
                if progress is not None:
                    progress(min(1.0, done / total))
            channels = file.channels
    except soundfile.LibsndfileError as error:
        raise unreadable(path, error) from error
    if not done:
        raise BadInput(f"{path} holds no sound; use a file with at least one sample.")
    frames = np.concatenate(parts) if parts else np.zeros(0, FEATURE_FRAME)
    return Track(str(path), analyzer.sample_rate, channels, done / analyzer.sample_rate, frames)
