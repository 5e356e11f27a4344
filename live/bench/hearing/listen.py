"""Who listens: Bentlight's live analyzer, and aubio, as it comes and quicker."""

from __future__ import annotations

from dataclasses import dataclass, field

import aubio
import numpy as np

from analysis.live import LiveAnalyzer
from analysis.track import Track
from live.bench.hearing.truth import STREAMS, Clip

__all__ = ["Events", "Listened", "aubio_hears", "aubio_hears_quicker", "ours"]

_BLOCK = 512
_AUBIO_WINDOW, _AUBIO_HOP = 1024, 512
_QUICK_WINDOW, _QUICK_HOP = 512, 128


@dataclass(frozen=True, slots=True)
class Events:
    """Something that was reported again and again.

    Attributes
    ----------
    at_s : ndarray, shape (n,)
        Where the listener says it lies, its own delay taken off.
    fire_s : ndarray, shape (n,)
        When one could first act on it: the end of the hop that reported it.
    """

    at_s: np.ndarray
    fire_s: np.ndarray


@dataclass(frozen=True, slots=True)
class Listened:
    """What a listener made of a clip.

    Attributes
    ----------
    onsets : Events
    beats : Events or None
        None if it listens for onsets alone.
    tempo_s, tempo_bpm : ndarray, shape (hops,)
        The tempo it reports at the end of each hop; 0 where it does not know.
    streams : dict of str to Events
        Onsets of kick, snare and hat, of those that the listener tells apart.
    downbeats : Events or None
        Beats that it says are the first of a bar; None if it counts no bars.
    """

    onsets: Events
    beats: Events | None
    tempo_s: np.ndarray
    tempo_bpm: np.ndarray
    streams: dict[str, Events] = field(default_factory=dict)
    downbeats: Events | None = None


def ours(clip: Clip, gain_db: float | str = 0.0) -> Listened:
    """Let `LiveAnalyzer` hear a clip block by block."""
    analyzer = LiveAnalyzer(clip.rate, gain_db=gain_db)
    parts = [analyzer.process(clip.samples[at : at + _BLOCK]) for at in range(0, len(clip.samples), _BLOCK)]
    frames = np.concatenate(parts)
    track = Track(clip.name, clip.rate, 1, clip.seconds, frames)
    fire_s, at_s = track.fire_times_s, track.onset_times_s
    lag_s = float(np.median(fire_s - at_s)) if len(fire_s) else 0.0
    streams = {}
    for name in STREAMS:
        if name in (frames.dtype.names or ()):
            fired = frames["time_s"][frames[name] > 0]
            streams[name] = Events(np.maximum(0.0, fired - lag_s), fired)
    began = np.diff(frames["beat_count"].astype(np.int64), prepend=0) > 0
    beats = Events(track.beat_times_s, frames["time_s"][began])
    first = frames["bar_beat"][began] == 1
    downbeats = Events(beats.at_s[first], beats.fire_s[first])
    tempo = frames["tempo"].astype(float)
    return Listened(Events(at_s, fire_s), beats, frames["time_s"], tempo, streams, downbeats)


def aubio_hears(clip: Clip) -> Listened:
    """Let aubio hear a clip with its defaults: `onset("default")` and `tempo("default")`, window 1024, hop 512."""
    onset = aubio.onset("default", _AUBIO_WINDOW, _AUBIO_HOP, clip.rate)
    tempo = aubio.tempo("default", _AUBIO_WINDOW, _AUBIO_HOP, clip.rate)
    hops = len(clip.samples) // _AUBIO_HOP
    onsets: list[tuple[float, float]] = []
    beats: list[tuple[float, float]] = []
    bpm = np.zeros(hops)
    for hop in range(hops):
        block = clip.samples[hop * _AUBIO_HOP : (hop + 1) * _AUBIO_HOP]
        end_s = (hop + 1) * _AUBIO_HOP / clip.rate
        if onset(block)[0]:
            onsets.append((onset.get_last_s(), end_s))
        if tempo(block)[0]:
            beats.append((tempo.get_last_s(), end_s))
        bpm[hop] = tempo.get_bpm()
    times = (np.arange(hops) + 1) * _AUBIO_HOP / clip.rate
    return Listened(_events(onsets), _events(beats), times, bpm)


def aubio_hears_quicker(clip: Clip) -> Listened:
    """Let aubio hear the onsets of a clip with a window of 512 and a hop of 128, for less delay than by default."""
    onset = aubio.onset("default", _QUICK_WINDOW, _QUICK_HOP, clip.rate)
    onsets: list[tuple[float, float]] = []
    for end in range(_QUICK_HOP, len(clip.samples) + 1, _QUICK_HOP):
        if onset(clip.samples[end - _QUICK_HOP : end])[0]:
            onsets.append((onset.get_last_s(), end / clip.rate))
    return Listened(_events(onsets), None, np.zeros(0), np.zeros(0))


def _events(pairs: list[tuple[float, float]]) -> Events:
    table = np.array(pairs, float).reshape(-1, 2)
    return Events(np.maximum.accumulate(np.maximum(0.0, table[:, 0])), table[:, 1])
