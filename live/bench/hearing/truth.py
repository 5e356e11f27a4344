"""What is true of a clip.

Conventions
-----------
A sound that comes in within 20 ms has its onset at its first sample. A slower one has it where its envelope passes
-12 dB of its full level, the middle of the range in which listeners place it (Vos and Rasch, "The perceptual onset of
musical tones", Perception & Psychophysics 29, 1981); with our raised-cosine ramps that is a third of the ramp. A slow
sound that starts within 30 ms of a percussive one is heard as one with it. Notes that are struck together are one
sound, which comes in as their sum does.

Onsets less than 30 ms apart are one, at the first of them that is within 20 dB of the loudest. A note is
left out if nobody could hear it: more than 40 dB under the level of the two seconds around it, or in no third of an
octave as strong as all else that sounds at its onset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

__all__ = ["MERGE_S", "STREAMS", "Attack", "Clip", "Truth", "merged"]

Attack = Literal["percussive", "mixed", "slow", "none"]
STREAMS = ("kick", "snare", "hat")
"""The streams a frame may report apart: kick; snare and clap; hats and cymbals."""
MERGE_S = 0.03


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything known about a clip. Times in seconds from its first sample.

    Attributes
    ----------
    onsets_s : ndarray, shape (onsets,)
        Merged onsets of the whole mix.
    streams_s : dict of str to ndarray
        Onsets of "kick", "snare", "hat", "tom" and "tonal", each merged in itself.
    velocities : dict of str to ndarray
        Velocity 0 to 1 of each of those.
    beats_s, downbeats_s : ndarray
        Empty where nobody could tell a beat (silence, noise, slow chords alone).
    tempo_s, tempo_bpm : ndarray, shape (k,)
        The tempo holds from each of these times to the next.
    attack : "percussive", "mixed", "slow" or "none"
    change_s : float or None
        When the tempo jumps, if it does.
    """

    onsets_s: np.ndarray
    streams_s: dict[str, np.ndarray]
    velocities: dict[str, np.ndarray]
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    tempo_s: np.ndarray
    tempo_bpm: np.ndarray
    attack: Attack
    change_s: float | None = None

    def tempo_at(self, times_s: np.ndarray) -> np.ndarray:
        """Return the tempo in BPM at each time."""
        index = np.searchsorted(self.tempo_s, times_s, side="right") - 1
        return self.tempo_bpm[np.clip(index, 0, None)]


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound and what is true of it.

    Attributes
    ----------
    name : str
        Its class.
    index : int
        Which of its class.
    rate : int
        Sample rate in Hz.
    samples : ndarray of float32, shape (n,)
    truth : Truth
    about : dict
        What was drawn for it (tempo, swing, …), for people.
    """

    name: str
    index: int
    rate: int
    samples: np.ndarray
    truth: Truth
    about: dict[str, float | str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate


def merged(times: np.ndarray, levels_db: np.ndarray, within_s: float = MERGE_S) -> list[int]:
    """Return the indices of the onsets that remain when those closer than `within_s` to the first of a group are one.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Ascending.
    levels_db : ndarray, shape (n,)
    """
    kept: list[int] = []
    first = 0
    while first < len(times):
        last = first
        while last + 1 < len(times) and times[last + 1] - times[first] < within_s:
            last += 1
        group = slice(first, last + 1)
        loud = np.flatnonzero(levels_db[group] >= levels_db[group].max() - 20)
        kept.append(first + int(loud[0]))
        first = last + 1
    return kept
