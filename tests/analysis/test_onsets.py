"""Hits: all of them, soon, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from tests.analysis.sounds import HITS, beat, noise, place

RATE = 48_000


def fired(sound: np.ndarray, gain_db: float | str = 0.0) -> np.ndarray:
    frames = LiveAnalyzer(RATE, gain_db=gain_db).process(sound)
    return frames["time_s"][frames["onset"] > 0]


def matched(found: np.ndarray, times: np.ndarray, within_s: float = 0.03) -> np.ndarray:
    """Return each hit's delay, with every hit found and nothing found that is none."""
    assert len(found) == len(times)
    delays = found - times
    assert delays.min() > -1e-3
    assert delays.max() < within_s
    return delays


@pytest.mark.parametrize("name", list(HITS))
def test_every_hit_is_found_within_15_ms_in_the_middle_and_nothing_else(name: str) -> None:
    times = 0.5 + np.cumsum(np.random.default_rng(7).uniform(0.15, 0.5, 30))
    if name == "pluck":
        times = 0.5 + 0.45 * np.arange(25)
    delays = matched(fired(place(times, HITS[name], RATE, times[-1] + 1)), times)
    assert np.median(delays) <= 0.015


@pytest.mark.parametrize("floor_db", [-140, -60, -45])
@pytest.mark.parametrize("name", ["click", "kick", "snare"])
def test_hits_are_found_over_any_noise_floor(name: str, floor_db: float) -> None:
    times = 0.5 + 0.31 * np.arange(20)
    matched(fired(place(times, HITS[name], RATE, 7.5, floor_db)), times)


@pytest.mark.parametrize("pad", [0.15, 0.5])
def test_drums_over_a_held_chord_are_found(pad: float) -> None:
    step = 60 / 125
    kicks = np.arange(0.3, 9.6, step)
    times = np.sort(np.concatenate([kicks, kicks[:-1] + step / 2]))
    matched(fired(beat(RATE, 10.0, 125, pad=pad)), times)


@pytest.mark.parametrize("level_db", [-80, -60, -40, -20, -6])
def test_no_hit_in_steady_noise(level_db: float) -> None:
    assert len(fired(noise(RATE, 6.0, level_db))) == 0


def test_no_hit_in_a_steady_tone_or_a_slow_swell() -> None:
    t = np.arange(5 * RATE) / RATE
    swell = 0.3 * np.sin(2 * np.pi * 220 * t) * (0.55 - 0.45 * np.cos(2 * np.pi * 0.5 * t))
    assert len(fired(swell.astype(np.float32))) == 0


def test_no_hit_in_silence() -> None:
    assert len(fired(np.zeros(3 * RATE, np.float32), 60.0)) == 0


def test_hits_are_never_closer_than_the_minimum_interval() -> None:
    times = 0.5 + 0.02 * np.arange(100)
    found = fired(place(times, HITS["click"], RATE, 3.0))
    assert len(found) > 5
    assert np.diff(found).min() >= 0.05


def test_strength_is_higher_for_a_loud_hit_than_for_a_soft_one() -> None:
    times = 0.5 + 0.4 * np.arange(16)
    sound = place(times[::2], HITS["snare"], RATE, 7.5, -70) + 0.08 * place(
        times[1::2], HITS["snare"], RATE, 7.5, -140, 1
    )
    frames = LiveAnalyzer(RATE).process(sound)
    strength = frames["onset_strength"][frames["onset"] > 0]
    assert len(strength) == 16
    assert strength[::2].min() > strength[1::2].max()
    assert (frames["onset_strength"][frames["onset"] == 0] == 0).all()
