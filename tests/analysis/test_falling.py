"""A pitch that falls as a kick's does."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import slow_onsets
from analysis.falling import Falling
from analysis.kicks import Kicks
from analysis.slow_onsets import RiseFunction
from analysis.timing import hop_size
from tests.analysis.sounds import Hit, high_kick, place, snare

RATE = 48_000
TIMES = 0.5 + 0.4 * np.arange(10)


def tone(pitch_hz: float) -> Hit:
    def hit(rate: int, rng: np.random.Generator) -> np.ndarray:
        t = np.arange(int(0.3 * rate)) / rate
        return 0.5 * np.sin(2 * np.pi * pitch_hz * t) * np.exp(-t / 0.1) * np.minimum(1, t / 0.001)

    return hit


def fallen(sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    """Return the ends of the hops in which something is seen to fall."""
    hop = hop_size(rate)
    notes = RiseFunction(rate, hop, slow_onsets.NOTE)
    kicks, found = Kicks(rate, hop, notes.n_fft), []
    for number in range(len(sound) // hop):
        samples = sound[number * hop : (number + 1) * hop]
        notes.process(samples)
        kicks.process(samples, notes.spectrum)
        if kicks.fallen:
            found.append((number + 1) * hop / rate)
    return np.array(found)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_kick_from_high_up_is_seen_to_fall_soon_and_once(rate: int) -> None:
    found = fallen(place(TIMES, high_kick, rate, 5.0), rate)
    assert len(found) == len(TIMES)
    assert np.abs(found - TIMES).max() <= 0.042


@pytest.mark.parametrize("pitch_hz", [110.0, 185.0, 220.0, 330.0])
def test_what_stays_at_its_pitch_does_not_fall(pitch_hz: float) -> None:
    assert not len(fallen(place(TIMES, tone(pitch_hz), RATE, 5.0)))


def test_a_snare_does_not_fall() -> None:
    assert not len(fallen(place(TIMES, snare, RATE, 5.0)))


def test_it_does_not_depend_on_how_loud_the_music_is() -> None:
    sound = place(TIMES, high_kick, RATE, 5.0, -90)
    assert np.array_equal(fallen(sound), fallen(np.float32(0.125) * sound))


def test_a_hole_ends_a_fall_and_gain_is_none() -> None:
    hop, sound = hop_size(RATE), place(TIMES[:1], high_kick, RATE, 1.0, -90)
    seen = round((TIMES[0] + 0.035) * RATE / hop)
    for what in ("nothing", "a hole", "gain"):
        falling, gain, found = Falling(RATE, hop), 1.0, 0
        for number in range(seen):
            if number == seen - 2 and what == "a hole":
                falling.clear()
            if number == seen - 2 and what == "gain":
                falling.amplified(20.0)
                gain = 10.0
            body = np.float32(gain) * sound[number * hop : (number + 1) * hop]
            found += falling.process(body, float(body.dot(body)) / hop, 1e-6, 1e-6) > 0
        assert found == (what != "a hole"), what
