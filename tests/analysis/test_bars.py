"""Counting bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer
from analysis.accents import NO_CHROMA
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


def drums(bars: BarCounter, beats: int, kicks: str, snares: str, lows: str = "", chords: int = 0) -> list[int]:
    """Play a bar of drums again and again, "x" for a hit on a beat, and a chord that changes every so many beats.

    Return the counts.
    """
    rng, counts, chord = np.random.default_rng(5), [], NO_CHROMA
    for beat in range(beats):
        before = chord
        if chords and beat % chords == 0:
            chord = rng.random(12) ** 4
            chord /= chord.sum()
        at = beat % len(kicks)
        low = 1.0 if (lows or kicks)[at] == "x" else 0.0
        for look in range(20):
            bars.advance(look == 0, look / 20, chord if look else before)
            bars.look([low if look == 2 else 0.0, 0.0, 0.0], rng.random(12))
            if look == 3:
                bars.hit(float(kicks[at] == "x"), float(snares[at] == "x"))
        counts.append(bars.beat)
    return counts


@pytest.mark.parametrize("off", range(METRE))
@pytest.mark.parametrize(
    ("kicks", "snares", "lows", "chords"),
    [
        ("x..x", ".x.x", "", 0),  # A kick before the one, with a snare.
        ("x.x.", ".x.x", "xxxx", 4),  # A bass on every beat hides what is low; chords tell one from three.
        ("x..x", "..x.", "", 0),  # Half time.
        ("....", "....", "", 8),  # Chords alone, over two bars each.
    ],
)
def test_the_count_moves_to_what_drums_and_chords_say(
    kicks: str, snares: str, lows: str, chords: int, off: int
) -> None:
    bars = BarCounter()
    bars.start(off)
    assert drums(bars, 64, kicks, snares, lows, chords)[-8:] == [1, 2, 3, 4, 1, 2, 3, 4]


@pytest.mark.parametrize("off", [1, 3])
def test_where_one_and_three_are_alike_the_count_is_moved_off_the_snare_and_stays(off: int) -> None:
    bars = BarCounter()
    bars.start(off)
    counts = drums(bars, 4 * 200, "x.x.", ".x.x")
    assert counts[40] % 2 == 1
    assert counts[40:] == [(counts[40] - 1 + beat) % METRE + 1 for beat in range(len(counts) - 40)]


def test_chance_does_not_move_the_count() -> None:
    bars, rng, counts = BarCounter(), np.random.default_rng(6), []
    bars.start(4)
    for _ in range(4 * 200):
        low, snare = rng.random(2)
        for look in range(20):
            bars.advance(look == 0, look / 20)
            bars.look([low if look == 2 else 0.0, 0.0, 0.0], rng.random(12))
            if look == 3:
                bars.hit(0.0, float(snare > 0.8))
        counts.append(bars.beat)
    assert (np.diff(counts) % METRE != 1).sum() <= 10


def test_a_count_of_which_nothing_is_known_is_moved_sooner() -> None:
    moved = []
    for beats in (0, 4):
        bars = BarCounter()
        bars.start(beats)
        counts = drums(bars, 64, ".x..", "...x")
        moved.append(int(np.flatnonzero(np.diff(counts) % METRE != 1)[0]))
    assert moved[0] < moved[1]


@pytest.mark.parametrize(("times", "before", "after"), [(0.5, 2, 3), (0.5, 4, 3), (2.0, 3, 2), (2.0, 1, 1)])
def test_the_one_stays_where_it_was_when_beats_are_halved_or_doubled(times: float, before: int, after: int) -> None:
    """Told as beat `before` begins, which is then beat `after`."""
    bars = BarCounter()
    bars.start(before - 1)
    bars.advance(True, 0.0)
    assert bars.beat == before
    bars.relevel(times, 0.0)
    bars.advance(True, 0.0)
    assert bars.beat == after % METRE + 1


def test_beats_in_a_hole_are_counted() -> None:
    bars = BarCounter()
    bars.start(0)
    counts = drums(bars, 32, "x.x.", ".x.x", "", 4)
    assert counts[-1] == METRE
    assert bars.skip(6) == 2
    assert bars.beat == 2
    assert drums(bars, 2, "x.x.", ".x.x", "", 4) == [3, 4]


def test_drums_over_a_bass_in_eighths_are_counted_from_the_kick_and_the_new_note() -> None:
    beat_s, rng = 0.5, np.random.default_rng(3)
    # It begins with the snare on two.
    times = 0.3 + beat_s * np.arange(1, 56)
    beats = np.arange(1, 56)
    sound = place(times[beats % 2 == 0], kick, RATE, 28.5) + place(times[beats % 2 == 1], snare, RATE, 28.5, -140)
    notes = 55.0 * 2 ** (rng.permutation(np.arange(14)) / 12)
    for eighth in range(2, 2 * 56):
        t = np.arange(round(0.2 * RATE)) / RATE
        note = sum(np.sin(2 * np.pi * k * notes[eighth // 8] * t) / k for k in range(1, 8)) * np.exp(-t / 0.3)
        start = round((0.3 + eighth * beat_s / 2) * RATE)
        sound[start : start + len(t)] += 0.3 * note
    frames = LiveAnalyzer(RATE).process(0.3 * sound)
    ones = frames[(frames["beat"] > 0) & (frames["bar_beat"] == 1) & (frames["time_s"] > 14)]
    off = (ones["time_s"] - 0.3) / beat_s
    assert len(ones) >= 6
    assert np.abs(np.remainder(off + 2, 4) - 2).max() < 0.2


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
