"""Music with a beat, and what a tracker says of it hop by hop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.beats import BeatTracker
from analysis.spectrum import LongSpectrum
from analysis.timing import hop_size
from tests.analysis.sounds import click, hat, kick, place, snare

RATE = 48_000
HEARD = np.dtype(
    [(name, "f8") for name in ("time_s", "beat", "tempo", "phase", "confidence", "next_s", "bar_beat", "bar_phase")]
)


def follow(
    sound: np.ndarray, rate: int = RATE, acts: dict[float, Callable[[BeatTracker], None]] | None = None
) -> np.ndarray:
    """Let a tracker hear a sound and return what it says after each hop; `acts` are done at their times."""
    hop = hop_size(rate)
    spectrum = LongSpectrum(rate, hop)
    tracker, heard = BeatTracker(rate, hop, spectrum), np.zeros(len(sound) // hop, HEARD)
    waiting = sorted((acts or {}).items())
    for number in range(len(heard)):
        samples = np.ascontiguousarray(sound[number * hop : (number + 1) * hop], np.float32)
        time_s = (number + 1) * hop / rate
        began = tracker.process(spectrum.process(samples), audible=bool(np.abs(samples).max() > 2e-3))
        heard[number] = (
            time_s, began, tracker.tempo, tracker.phase, tracker.confidence, tracker.next_beat_s,
            tracker.bar_beat, tracker.bar_phase,
        )  # fmt: skip
        while waiting and waiting[0][0] <= time_s:
            waiting.pop(0)[1](tracker)
    return heard


def beat_times(heard: np.ndarray) -> np.ndarray:
    began = heard[heard["beat"] > 0]
    return began["time_s"] - began["phase"] * 60 / np.maximum(began["tempo"], 1)


def apart_s(times: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Signed distance of each time to the nearest true one."""
    nearest = truth[np.abs(times[:, None] - truth).argmin(1)]
    return times - nearest


def clicks(bpm: float, seconds: float, first_s: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(first_s, seconds - 0.1, 60 / bpm)
    return place(times, click, RATE, seconds), times


def drums(bpm: float, seconds: float, first_s: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Kick and snare in turn, hats in eighths."""
    times = np.arange(first_s, seconds - 0.3, 60 / bpm)
    sound = place(times[::2], kick, RATE, seconds) + place(times[1::2], snare, RATE, seconds, -140)
    eighths = np.arange(first_s, seconds - 0.3, 30 / bpm)
    return sound + place(eighths, hat, RATE, seconds, -140), times
