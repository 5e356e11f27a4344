"""Drums are percussive, chords are harmonic, and what is not known yet is said."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from analysis import LiveAnalyzer
from tests.analysis.sounds import HITS, noise, place

RATES = (44_100, 48_000, 96_000)
DRUMS = ("click", "kick", "snare", "hat")
LEAD_DB = 6.0
"""How far one of the two stands above the other; both are scaled as 60 dB."""


def chord(rate: int, seconds: float, *, attack_s: float = 0.01) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(
        np.sin(2 * np.pi * f * n * t + f) * 0.1 / n for f in (220.0, 277.18, 329.63) for n in range(1, 5) if f * n < 5e3
    )
    return (tone * np.minimum(1, t / attack_s)).astype(np.float32)


def lead_db(frames: np.ndarray) -> np.ndarray:
    """How far percussive is above harmonic."""
    return 60 * (frames["percussive"] - frames["harmonic"])


@pytest.mark.parametrize("samples", [1, 480, 9600])
def test_a_hole_in_a_held_chord_is_no_hit(samples: int) -> None:
    sound, analyzer = chord(48_000, 3.0), LiveAnalyzer(48_000)
    before = analyzer.process(sound[:72_000])[-50:]
    analyzer.skip(samples)
    after = analyzer.process(sound[72_000 + samples :])[:100]
    # While its window fills again the level comes back; it never looks like a hit.
    assert lead_db(after).max() < 0
    assert after["flux"].max() <= before["flux"].max() + 0.05
    assert after["centroid"].max() < 1.5 * before["centroid"].max()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", DRUMS)
def test_a_hit_is_percussive_as_soon_as_it_is_heard(name: str, rate: int) -> None:
    times = np.arange(0.4, 3.8, 0.4)
    sound = place(times, HITS[name], 48_000, 4.0, -90)
    frames = LiveAnalyzer(rate).process(soxr.resample(sound, 48_000, rate))
    for time in times:
        near = frames[(frames["time_s"] > time) & (frames["time_s"] <= time + 0.03)]
        assert lead_db(near).max() > LEAD_DB
        loud = near["percussive"].max()
        assert loud > near["loudness"].max() - 0.15, "most of the hit's level is in it"


@pytest.mark.parametrize("rate", RATES)
def test_a_held_chord_is_harmonic(rate: int) -> None:
    frames = LiveAnalyzer(rate).process(chord(rate, 2.0))
    held = frames[frames["time_s"] > 0.3]
    assert lead_db(held).max() < -LEAD_DB
    assert np.abs(held["harmonic"] - held["loudness"]).max() < 0.08


def test_hats_in_fast_sixteenths_are_percussive() -> None:
    frames = LiveAnalyzer(48_000).process(place(np.arange(0.2, 2.8, 60 / 165 / 4), HITS["hat"], 48_000, 3.0, -90))
    later = frames[(frames["time_s"] > 0.6) & (frames["time_s"] < 2.8)]
    assert lead_db(later).mean() > LEAD_DB


def test_a_tone_is_percussive_first_and_harmonic_within_170_ms() -> None:
    sound = np.concatenate([np.zeros(48_000, np.float32), chord(48_000, 1.0)])
    frames = LiveAnalyzer(48_000).process(sound)
    assert lead_db(frames[(frames["time_s"] > 1.0) & (frames["time_s"] < 1.05)]).max() > 0
    assert lead_db(frames[frames["time_s"] > 1.17]).max() < 0


def test_drums_over_a_chord_move_the_percussive_level_and_leave_the_harmonic_one() -> None:
    rate, times = 48_000, np.arange(0.5, 3.8, 0.5)
    sound = chord(rate, 4.0) + place(times, HITS["snare"], rate, 4.0, -140)
    frames = LiveAnalyzer(rate).process(sound)
    since = (frames["time_s"] - 0.5) % 0.5
    settled = frames["time_s"] > 0.5
    hit, between = frames[settled & (since > 0.01) & (since < 0.05)], frames[settled & (since > 0.35)]
    assert hit["percussive"].mean() - between["percussive"].mean() > 0.25
    assert abs(hit["harmonic"].mean() - between["harmonic"].mean()) < 0.1


def test_steady_noise_is_shared_between_the_two() -> None:
    frames = LiveAnalyzer(48_000).process(noise(48_000, 2.0, -20))[-100:]
    for name in ("percussive", "harmonic"):
        assert 1 < 60 * (frames["loudness"] - frames[name]).mean() < 9


def test_values_change_every_second_hop_only() -> None:
    frames = LiveAnalyzer(48_000).process(place(np.arange(0.1, 0.9, 0.1), HITS["pluck"], 48_000, 1.0))
    for name in ("percussive", "harmonic"):
        changes = np.flatnonzero(np.diff(frames[name], prepend=0))
        assert len(changes) > 20
        assert (changes % 2 == 1).all()
