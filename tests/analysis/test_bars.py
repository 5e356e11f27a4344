"""Counting bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer
from analysis.bars import METRE, BarCounter
from analysis.track import analyze
from bentlight.errors import BadInput
from tests.analysis.sounds import kick, place, snare

RATE = 48_000
QUIET, HIGH = np.zeros(3), np.array([0.0, 0.7, 0.7])


def play(bars: BarCounter, beats: int, first: int = 0, looks: int = 20, metre: int = METRE) -> list[int]:
    """Let beats go by, the first of a bar with a new chord and a kick, every other with a snare; return the counts."""
    rng, counts = np.random.default_rng(4), []
    for beat in range(first, first + beats):
        if beat % metre == 0 or beat == first:
            chord = 30 * rng.random(12)
        struck = np.array([1.0, 0.3, 0.2]) if beat % metre == 0 else HIGH if beat % metre % 2 else QUIET
        for look in range(looks):
            bars.advance(look == 0, look / looks)
            bars.look(struck if look == 2 else QUIET, chord + rng.random(12))
        counts.append(bars.beat)
    return counts


@pytest.mark.parametrize("metre", [3, 5, 7])
def test_bars_of_another_metre_are_counted_and_moved_to_their_accents(metre: int) -> None:
    bars = BarCounter()
    bars.set_metre(metre)
    bars.start(1)
    counts = play(bars, 12 * metre, metre=metre)
    assert counts[-2 * metre :] == [*range(1, metre + 1)] * 2
    assert bars.phase(0.5) == pytest.approx((metre - 0.5) / metre)


def test_a_metre_that_changes_keeps_the_beat_and_counts_on_in_it() -> None:
    bars = BarCounter()
    bars.start(2)
    bars.set_metre(3)
    assert bars.beat == 2
    bars.advance(True, 0.0)
    assert bars.beat == 3
    bars.advance(True, 0.0)
    assert bars.beat == 1
    assert bars.began
    for beats in (1, 13, 2.5, np.nan, "3"):
        with pytest.raises(BadInput, match="2 to 12"):
            bars.set_metre(beats)


@pytest.mark.parametrize("off", range(METRE))
def test_the_count_moves_to_where_chord_and_kick_fall(off: int) -> None:
    bars = BarCounter()
    bars.start(off)
    counts = play(bars, 40)
    assert counts[-8:] == [1, 2, 3, 4, 1, 2, 3, 4]


def test_equal_beats_are_counted_and_the_count_stays() -> None:
    bars, began = BarCounter(), []
    for number in range(4 * 16 * 20):
        bars.advance(number % 20 == 0, number % 20 / 20)
        bars.look(np.array([0.9, 0.2, 0.2]) if number % 20 == 2 else QUIET, np.zeros(12))
        began.append(bars.began)
    assert np.flatnonzero(began).tolist() == [80 * bar for bar in range(16)]


@pytest.mark.parametrize(("phase", "count"), [(-4.3, 1), (-1.4, 2), (-0.6, 2), (-0.4, 1), (0.1, 1), (0.9, METRE)])
def test_a_downbeat_by_hand_is_the_nearest_beat_and_is_kept(phase: float, count: int) -> None:
    bars = BarCounter()
    play(bars, 39)
    bars.downbeat(phase)
    assert bars.beat == count
    counts = play(bars, 24, first=3 if count == METRE else count + 1)
    assert counts == [(count + beat) % METRE + 1 for beat in range(24)]


def test_a_waltz_in_a_file_is_counted_in_threes(tmp_path: Path) -> None:
    times = np.arange(0.3, 19.7, 0.5)
    sound = place(times[::3], kick, RATE, 20.0)
    for second in (1, 2):
        sound = sound + place(times[second::3], snare, RATE, 20.0, -140)
    soundfile.write(tmp_path / "waltz.wav", 0.3 * sound, RATE)
    frames = analyze(tmp_path / "waltz.wav", metre=3).frames
    ones = (frames["beat"] > 0) & (frames["bar_beat"] == 1) & (frames["time_s"] > 10)
    assert set(frames["metre"]) == {3}
    assert ones.sum() >= 5
    # Beats from the kick nearest to each bar's first.
    off = (frames["time_s"][ones] - 0.3) / 0.5
    assert np.abs(np.remainder(off + 1.5, 3) - 1.5).max() < 0.2


def test_bar_phase_runs_once_through_four_beats_and_bars_are_counted() -> None:
    times = np.arange(0.3, 13.7, 0.5)
    sound = place(times[::2], kick, RATE, 14.0) + place(times[1::2], snare, RATE, 14.0, -140)
    frames = LiveAnalyzer(RATE, bar_count=7).process(sound)
    known = frames[frames["bar_beat"] > 0]
    assert np.allclose((known["bar_beat"] - 1 + known["beat_phase"]) / METRE, known["bar_phase"], atol=1e-6)
    ones = (known["beat"] > 0) & (known["bar_beat"] == 1)
    assert ones.sum() >= 4
    assert (np.diff(known["bar_count"].astype(int)) == ones[1:]).all()
    assert frames["bar_count"][0] == 7
    assert not frames["bar_phase"][frames["tempo"] == 0].any()
