"""Tempo and beat phase."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from analysis.beats import BeatTracker
from tests.analysis.sounds import beat, noise

RATE = 48_000


def off_beat_s(frames: np.ndarray, bpm: float, first_s: float, after_s: float) -> np.ndarray:
    """Distance in seconds of each beat reported after `after_s` from the nearest beat played."""
    began = np.flatnonzero(np.diff(frames["beat_count"].astype(int))) + 1
    times = frames["time_s"][began]
    beats = (times[times > after_s] - first_s) * bpm / 60
    return (beats - np.round(beats)) * 60 / bpm


@pytest.mark.parametrize("bpm", [90, 125, 140])
def test_tempo_and_beat_are_found_with_hats_between_the_beats(bpm: float) -> None:
    frames = LiveAnalyzer(RATE).process(beat(RATE, 16.0, bpm))
    assert frames["tempo"][-1] == pytest.approx(bpm, rel=0.02)
    apart_s = off_beat_s(frames, bpm, 0.3, 11.0)
    assert len(apart_s) >= 5
    assert np.abs(apart_s).max() < 0.04


def test_phase_only_runs_forward_also_through_a_change_of_tempo() -> None:
    sound = np.concatenate([beat(RATE, 8.0, 118), beat(RATE, 12.0, 132), noise(RATE, 8.0, -90)])
    frames = LiveAnalyzer(RATE).process(sound)
    phase, counts = frames["beat_phase"].astype(float), frames["beat_count"].astype(int)
    step, wrapped = np.diff(phase), np.diff(counts) > 0
    resting = (frames["tempo"][1:] == 0) & (phase[1:] == 0)
    assert step[~wrapped & ~resting].min() >= 0
    assert step.max() < 0.06
    assert step[wrapped & (phase[:-1] > 0)].max() < 0
    assert frames["tempo"][19 * RATE // 256] == pytest.approx(132, rel=0.02)
    assert phase[-1] == frames["tempo"][-1] == 0


def test_noise_and_silence_have_no_tempo() -> None:
    for sound in (noise(RATE, 8.0, -30), np.zeros(8 * RATE, np.float32)):
        frames = LiveAnalyzer(RATE).process(sound)
        assert not frames["tempo"].any()
        assert not frames["beat_phase"].any()
        assert frames["beat_count"][-1] == 0


def test_taps_set_tempo_and_beat() -> None:
    clock = BeatTracker(RATE, 256)
    silence = np.zeros(256, np.float32)
    tapped, beats = [], []
    next_tap_s = 0.25
    for hop in range(int(8.0 * RATE / 256)):
        now_s = (hop + 1) * 256 / RATE
        if clock.process(silence, audible=True):
            beats.append(now_s)
        if now_s >= next_tap_s and len(tapped) < 5:
            clock.tap(now_s - next_tap_s)
            tapped.append(next_tap_s)
            next_tap_s += 0.6
    assert clock.tempo == pytest.approx(100, rel=1e-6)
    late = np.array([time for time in beats if time > 5.0])
    assert len(late) >= 4
    apart = (late - tapped[0]) / 0.6
    assert np.abs(apart - np.round(apart)).max() * 0.6 < 0.03
