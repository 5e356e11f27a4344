"""Oscillators and the line of beats."""

import itertools
import math

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from scenes.lfo import WAVES, BeatLine, Lfo, beat_places, metres

HOP_S = 256 / 48_000


def set_beats(frames: np.ndarray, bpm: float, places: np.ndarray) -> None:
    """Let beats be heard at a steady tempo, with hops ending at these places."""
    frames["tempo"], frames["beat_count"], frames["beat_phase"] = bpm, np.floor(places), places % 1
    if "bar_phase" in frames.dtype.names:
        frames["bar_phase"], frames["metre"] = places / 4 % 1, 4


def frames_at(bpm: float, hops: int, *, first_beat: float = 0.0) -> np.ndarray:
    """Frames of a steady tempo."""
    found = np.zeros(hops, FEATURE_FRAME)
    set_beats(found, bpm, first_beat + bpm / 60 * HOP_S * np.arange(hops))
    return found


def follow(line: BeatLine, frames: np.ndarray) -> list[float]:
    return [
        line.step(HOP_S, float(tempo), float(place), float(metre))
        for tempo, place, metre in zip(frames["tempo"], beat_places(frames), metres(frames), strict=True)
    ]


@pytest.mark.parametrize(
    ("wave", "levels"),
    [
        ("sine", [0, 0.5, 1, 0.5]),
        ("triangle", [0, 0.5, 1, 0.5]),
        ("saw", [0, 0.25, 0.5, 0.75]),
        ("square", [1, 1, 0, 0]),
    ],
)
def test_waves_have_their_shape(wave, levels):
    lfo, found = Lfo(wave, hz=0.5), []
    for _ in range(8):
        found.append(lfo.level(0.0))
        lfo.run(0.5)
    assert found == pytest.approx(levels * 2)


@pytest.mark.parametrize("wave", WAVES)
def test_waves_stay_within_0_and_1_and_move(wave):
    lfo = Lfo(wave, hz=3.3, phase=0.2, seed=7)
    levels = []
    for _ in range(3000):
        levels.append(lfo.level(0.0))
        lfo.run(HOP_S)
    assert 0 <= min(levels) < 0.15
    assert 0.85 < max(levels) <= 1


@pytest.mark.parametrize("wave", WAVES)
def test_a_free_wave_is_the_same_at_any_hop_and_between_two_hops(wave):
    coarse, fine = Lfo(wave, hz=0.7), Lfo(wave, hz=0.7)
    for _ in range(200):
        coarse.run(0.02)
        for _ in range(4):
            fine.run(0.005)
        assert fine.level(0.0) == pytest.approx(coarse.level(0.0), abs=1e-9)
    assert coarse.level(0.0, 0.3) == pytest.approx(Lfo(wave, hz=0.7).level(0.0, 4.3), abs=1e-9)


def test_random_holds_a_value_for_a_turn_and_differs_by_seed():
    lfo, other = Lfo("random", beats=2, seed=1), Lfo("random", beats=2, seed=2)
    levels = [lfo.level(beat / 4) for beat in range(800)]
    assert all(len(set(levels[i : i + 8])) == 1 for i in range(0, 800, 8))
    turns = levels[::8]
    assert len(set(turns)) == 100
    assert np.mean(turns) == pytest.approx(0.5, abs=0.1)
    assert turns != [other.level(2.0 * turn) for turn in range(100)]


def test_phase_begins_further_on():
    assert Lfo("saw", beats=4, phase=0.25).level(1.0) == pytest.approx(0.5)
    assert Lfo("saw", beats=4, phase=1).level(0.0) == pytest.approx(0.0)


@pytest.mark.parametrize("first_beat", [0.0, 5.3, 7.9])
def test_the_line_starts_on_the_heard_beat_and_bar(first_beat):
    line = BeatLine()
    found = follow(line, frames_at(126, 500, first_beat=first_beat))
    expected = first_beat % 4 + 126 / 60 * HOP_S * np.arange(500)
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_the_line_never_jumps_or_goes_back_and_finds_a_beat_that_moved():
    line = BeatLine()
    found = follow(line, np.zeros(300, FEATURE_FRAME))
    found += follow(line, frames_at(100, 2000, first_beat=2.6))
    moved = frames_at(130, 4000, first_beat=9.45)
    found += follow(line, moved)
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert min(steps) > 0
    assert max(steps) <= 1.5 * 130 / 60 * HOP_S + 1e-9
    assert math.remainder(found[-1] - beat_places(moved)[-1], 4) == pytest.approx(0, abs=0.01)


def test_the_line_runs_on_when_the_tempo_is_lost():
    line = BeatLine()
    last = follow(line, frames_at(90, 300))[-1]
    silent = follow(line, np.zeros(375, FEATURE_FRAME))
    assert silent[-1] - last == pytest.approx(90 / 60 * 375 * HOP_S)
    assert line.ahead(1.0) == pytest.approx(silent[-1] + 1.5)


def test_bars_are_the_heard_ones_where_frames_have_them():
    heard = np.zeros(8, [("beat_count", "u4"), ("beat_phase", "f4"), ("bar_phase", "f4")])
    heard["beat_count"] = 100 + np.arange(8)
    heard["beat_phase"] = 0.25
    heard["bar_phase"] = (np.arange(8) + 2.25) / 4 % 1
    assert beat_places(heard).tolist() == [2.25, 3.25, 0.25, 1.25] * 2


def test_bars_of_three_are_followed_and_a_metre_that_changes_makes_no_jump():
    heard, places = frames_at(120, 4000), 2.0 * HOP_S * np.arange(4000)
    heard["metre"][:2000], heard["metre"][2000:] = 3, 4
    heard["bar_phase"] = places / heard["metre"] % 1
    assert np.allclose(beat_places(heard), places % heard["metre"], atol=1e-4)
    line = follow(BeatLine(), heard)
    assert math.remainder(line[1999] - places[1999], 3) == pytest.approx(0, abs=0.01)
    assert math.remainder(line[-1] - places[-1], 4) == pytest.approx(0, abs=0.01)
    steps = np.diff(line)
    assert min(steps) > 0
    assert max(steps) <= 1.5 * 2.0 * HOP_S + 1e-9


def test_a_turn_of_a_beat_stays_on_the_beat_while_the_one_of_the_bar_moves():
    heard, beats = frames_at(120, 4000), 2.0 * HOP_S * np.arange(4000)
    # The one moves by two beats half-way.
    heard["bar_phase"] = (beats + 2.0 * (np.arange(4000) >= 2000)) / 4 % 1
    line, found = BeatLine({0.5, 1.0, 2.0, 4.0, 8.0}), []
    for frame, place in zip(heard, beat_places(heard), strict=True):
        line.step(HOP_S, float(frame["tempo"]), float(place), 4.0)
        found.append([line.ahead(0.0, turn) for turn in (0.5, 1.0, 2.0, 4.0, 8.0, None)])
    found = np.array(found)
    off = np.abs((found - beats[:, None] + 0.5) % 1 - 0.5)
    assert off[:, :3].max() < 0.02
    assert off[2000:2600, 3:].max() > 0.3, "what goes by the bar has two beats to make up for"
    steps = np.diff(found, axis=0)
    assert steps.min() > 0
    assert steps.max() <= 1.5 * 2.0 * HOP_S + 1e-9
    for column in (3, 4, 5):
        assert math.remainder(found[-1, column] - beat_places(heard)[-1], 4) == pytest.approx(0, abs=0.01)


def test_a_line_taken_over_gives_a_new_turn_the_place_of_the_bars():
    before, after = BeatLine({1.0}), BeatLine({1.0, 4.0})
    follow(before, frames_at(100, 300, first_beat=2.6))
    after.take(before)
    assert after.places == {**before.places, 4.0: before.beats}
    assert after.ahead(1.0, 4.0) == before.ahead(1.0)


def test_what_is_not_finite_does_not_reach_the_line():
    frames = np.zeros(6, FEATURE_FRAME)
    frames["tempo"] = [np.nan, np.inf, -1e30, 1e30, 120, 120]
    frames["beat_phase"] = [np.nan, np.inf, -1e30, 1e30, 0.5, 7]
    line = BeatLine()
    assert all(math.isfinite(place) for place in follow(line, frames))
