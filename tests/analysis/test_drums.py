"""Kick, snare and hat: each hears its own and leaves the others alone."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from live.bench.hearing.clips import clip
from tests.analysis.sounds import hat, kick, noise, place, wired_snare

RATE = 48_000
HITS = {"kick": kick, "snare": wired_snare, "hat": hat}
DRUMS = ("kick", "snare", "hat")
TIMES = 0.5 + 0.3 * np.arange(16)


@pytest.mark.parametrize("drum", DRUMS)
def test_each_drum_is_heard_in_its_own_stream_only(drum: str) -> None:
    frames = LiveAnalyzer(RATE).process(place(TIMES, HITS[drum], RATE, 5.6))
    found = frames["time_s"][frames[drum] > 0]
    # A snare is known by what else there is: the first one may pass.
    times = TIMES if len(found) == len(TIMES) or drum != "snare" else TIMES[1:]
    assert len(found) == len(times)
    assert np.median(found - times) <= 0.025
    assert (found - times).max() <= 0.04
    # The wires of a snare reach as high as a hat: that one the two may share.
    for other in {"kick": ("snare", "hat"), "snare": ("kick",), "hat": ("kick", "snare")}[drum]:
        assert frames[other].sum() == 0, other


@pytest.mark.parametrize("name", ["breakbeat", "half_time", "rock_band", "house_track"])
def test_snares_and_hats_are_told_apart_on_instruments_that_were_not_taught(name: str) -> None:
    snares, hats = [], []
    for index in range(2):
        music = clip(name, index, seed=77, half="report", rate=RATE, seconds=8.0)
        frames = LiveAnalyzer(RATE).process(music.samples)
        for drum, kept in (("snare", snares), ("hat", hats)):
            found, times = frames["time_s"][frames[drum] > 0] - 0.015, music.truth.streams_s[drum]
            hits = sum(np.abs(found - at).min(initial=1.0) < 0.05 for at in times)
            kept.append(2 * hits / (len(found) + len(times)))
    assert np.mean(snares) >= 0.7
    assert np.mean(hats) >= 0.8


def test_the_three_are_told_apart_in_a_beat() -> None:
    kicks, snares, hats = TIMES[::4], TIMES[2::4], TIMES[1::2]
    sound = place(kicks, HITS["kick"], RATE, 5.6) + place(snares, HITS["snare"], RATE, 5.6, -140)
    sound += place(hats, HITS["hat"], RATE, 5.6, -140)
    frames = LiveAnalyzer(RATE).process(sound)
    for drum, times in zip(DRUMS, (kicks, snares, hats), strict=True):
        found = frames["time_s"][frames[drum] > 0]
        if drum == "hat":
            found = found[np.abs(found[:, None] - snares[None, :]).min(axis=1) > 0.04]
        assert len(found) == len(times), drum
        assert np.abs(found - times).max() <= 0.04, drum


@pytest.mark.parametrize("drum", DRUMS)
def test_counts_go_on_from_where_a_stream_ended_and_strength_stands_at_hits_only(drum: str) -> None:
    sound = place(TIMES, HITS[drum], RATE, 5.6)
    frames = LiveAnalyzer(RATE, kick_count=5, snare_count=6, hat_count=7).process(sound)
    begun = {"kick": 5, "snare": 6, "hat": 7}[drum]
    assert frames[drum + "_count"][-1] == begun + frames[drum].sum()
    assert ((frames[drum + "_strength"] > 0) == (frames[drum] > 0)).all()


def test_no_drum_in_steady_noise_or_a_held_chord() -> None:
    t = np.arange(8 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * pitch * t) for pitch in (55.0, 110.0, 277.2, 329.6)) * np.minimum(1, t / 0.5)
    for sound in (noise(RATE, 8.0, -20), chord.astype(np.float32)):
        frames = LiveAnalyzer(RATE).process(sound)
        later = frames["time_s"] > 1.0
        assert frames["snare"][later].sum() == frames["hat"][later].sum() == 0
        assert frames["kick"][later].sum() <= 1
