"""Who listens: Bentlight's live analyzer, and aubio as it comes."""

from __future__ import annotations

from dataclasses import dataclass, field

import aubio
import numpy as np

from analysis.live import LiveAnalyzer
from analysis.track import Track
from live.bench.hearing.truth import STREAMS, Clip

__all__ = ["Events", "Listened", "aubio_hears", "ours"]

_BLOCK = 512
_AUBIO_WINDOW, _AUBIO_HOP = 1024, 512


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
    onsets, beats : Events
    tempo_s, tempo_bpm : ndarray, shape (hops,)
        The tempo it reports at the end of each hop; 0 where it does not know.
    streams : dict of str to Events
        Onsets of kick, snare and hat, of those that the listener tells apart.
    """

    onsets: Events
    beats: Events
    tempo_s: np.ndarray
    tempo_bpm: np.ndarray
    streams: dict[str, Events] = field(default_factory=dict)


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
    return Listened(Events(at_s, fire_s), beats, frames["time_s"], frames["tempo"].astype(float), streams)


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


def _events(pairs: list[tuple[float, float]]) -> Events:
    table = np.array(pairs, float).reshape(-1, 2)
    return Events(np.maximum.accumulate(np.maximum(0.0, table[:, 0])), table[:, 1])
