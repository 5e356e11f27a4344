"""The beat in hands: taps, nudges, a held tempo and an outside clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis import LiveAnalyzer
from analysis.beat_clock import BeatClock
from analysis.beat_space import wrapped
from analysis.beats import BeatTracker
from analysis.timing import hop_size
from tests.analysis.beating import RATE, apart_s, beat_times, drums, follow
from tests.analysis.sounds import click, noise, place


def hands() -> dict[float, Callable[[BeatTracker], None]]:
    """Somebody who does everything."""
    return {
        4.0: lambda t: t.tap(),
        5.1: lambda t: t.nudge(),
        6.2: lambda t: t.nudge(0.25),
        7.0: lambda t: t.set_clock(97.0, 0.3),
        8.0: lambda t: t.downbeat(),
        12.0: lambda t: t.set_tempo(140.0),
        15.0: lambda t: t.skip(0.7),
        16.0: lambda t: t.set_tempo(0.0),
    }


@pytest.mark.parametrize("acts", [{}, hands()], ids=["alone", "with hands"])
def test_phase_only_runs_forward_whatever_happens(acts: dict) -> None:
    sound = np.concatenate([drums(118, 8.0)[0], drums(132, 12.0)[0], noise(RATE, 7.0, -90)])
    heard = follow(sound, acts=acts)
    skipped = np.isin(np.arange(1, len(heard)), [int(np.argmax(heard["time_s"] >= at)) + 1 for at in (15.0,)])
    step, began = np.diff(heard["phase"]), heard["beat"][1:] > 0
    rested = (heard["tempo"][1:] == 0) & (heard["phase"][1:] == 0)
    plain = ~began & ~rested & ~skipped
    assert step[plain].min() >= 0
    assert step[plain].max() < 0.06
    assert (heard["phase"][1:][began] < 0.06).all()
    assert heard["phase"].min() >= 0
    assert heard["phase"].max() <= 1
    if not acts:
        assert heard["tempo"][int(19 * RATE / 256)] == pytest.approx(132, rel=0.02)
    assert heard["phase"][-1] == heard["tempo"][-1] == 0


def test_taps_set_tempo_and_beat() -> None:
    sound = noise(RATE, 8.0, -40)
    acts = {0.25 + 0.6 * tap: lambda tracker: tracker.tap() for tap in range(5)}
    heard = follow(sound, acts=acts)
    assert heard["tempo"][-1] == pytest.approx(100, rel=0.02)
    found = beat_times(heard)
    late = (found[found > 5] - 0.25) / 0.6
    assert len(late) >= 4
    assert np.abs(late - np.round(late)).max() * 0.6 < 0.03


def test_taps_at_half_the_tempo_are_obeyed_while_the_music_goes_on() -> None:
    sound, truth = drums(150, 20.0)
    acts = {at: lambda tracker: tracker.tap() for at in truth[8:18:2]}
    heard = follow(sound, acts=acts)
    late = heard[heard["time_s"] > truth[18]]
    assert late["tempo"] == pytest.approx(75, rel=0.03)
    found = beat_times(late)
    assert np.abs(apart_s(found[found < truth[-1]], truth[::2])).max() < 0.06


@pytest.mark.parametrize("how", ["nudge", "tap"])
def test_a_nudged_beat_stays_between_the_tracker_s_beats(how: str) -> None:
    bpm = 120.0
    sound, truth = drums(bpm, 20.0)
    act = (lambda tracker: tracker.nudge()) if how == "nudge" else (lambda tracker: tracker.tap())
    heard = follow(sound, acts={truth[12] + 0.25: act})
    found = beat_times(heard)
    before, after = found[(found > 4) & (found < truth[12])], found[found > truth[12] + 2]
    assert np.abs(apart_s(before, truth)).max() < 0.03
    assert len(after) > 15
    assert np.abs(apart_s(after[after < truth[-1]], truth + 0.25)).max() < 0.03


def test_an_outside_clock_wins_while_it_is_fresh() -> None:
    sound, truth = drums(120, 18.0)
    told = {at: lambda tracker, at=at: tracker.set_clock(96.0, (at - 6.0) * 1.6) for at in np.arange(6.0, 9.0, 0.5)}
    heard = follow(sound, acts=told)
    theirs = heard[(heard["time_s"] > 7.5) & (heard["time_s"] < 11)]
    assert theirs["tempo"] == pytest.approx(96, rel=1e-6)
    assert (theirs["confidence"] == 1).all()
    clock = 6.0 + np.arange(-20, 20) / 1.6
    assert np.abs(apart_s(beat_times(theirs), clock)).max() < 0.02
    ours = heard[heard["time_s"] > 15.5]
    assert ours["tempo"] == pytest.approx(120, rel=0.02)
    found = beat_times(ours)
    assert np.abs(apart_s(found[found < truth[-1]], truth)).max() < 0.05


def test_the_phase_under_an_outside_clock_is_the_clock_s() -> None:
    hop_s, bpm = hop_size(RATE) / RATE, 97.0
    times = [hops * 256 / RATE for hops in range(96, 1900, 96)]
    told = {at: lambda tracker, at=at: tracker.set_clock(bpm, at * bpm / 60 % 1.0) for at in times}
    heard = follow(np.zeros(10 * RATE, np.float32), acts=told)
    late = heard[heard["time_s"] > 5]
    off_s = [60 / bpm * wrapped(phase - at * bpm / 60) for at, phase in zip(late["time_s"], late["phase"], strict=True)]
    assert np.abs(off_s).max() < 2e-4
    late_s = [at * bpm / 60 % 1.0 * 60 / bpm for at in late["time_s"][late["beat"] > 0]]
    assert len(late_s) >= 7
    assert max(late_s) < hop_s + 2e-4


def test_a_clock_is_where_it_was_told_to_be_at_the_end_of_the_hop() -> None:
    clock, hop_s, period_s = BeatClock(0.005), 0.005, 0.5
    began = []
    for hop in range(1, 1200):
        clock.aim((hop * hop_s - 0.101) / period_s, period_s)
        if clock.run():
            began.append(hop * hop_s)
    assert np.array(began) == pytest.approx(0.101 + period_s * np.arange(len(began)), abs=hop_s)
    assert (np.array(began) >= 0.101 + period_s * np.arange(len(began)) - 1e-9).all()
    assert wrapped(clock.phase - (1199 * hop_s - 0.101) / period_s) == pytest.approx(0.0, abs=1e-6)


def test_a_nudge_stays_when_the_outside_clock_lets_go() -> None:
    sound, truth = drums(120, 20.0)
    acts: dict[float, Callable[[BeatTracker], None]] = {
        at: lambda tracker, at=at: tracker.set_clock(120.0, (at - truth[0]) * 2) for at in np.arange(6.0, 9.0, 0.5)
    }
    heard = follow(sound, acts={**acts, 8.7: lambda tracker: tracker.nudge()})
    found = beat_times(heard)
    found = found[(found > 13) & (found < truth[-1])]
    assert len(found) > 8
    assert np.abs(apart_s(found, truth + 0.25)).max() < 0.05


def test_taps_hold_the_tempo_that_is_followed_already() -> None:
    first, _ = drums(120, 10.0)
    second, _ = drums(90, 14.0)
    sound = np.concatenate([first, second])
    taps = {8.0 + 0.5 * k: lambda tracker: tracker.tap() for k in range(4)}
    assert follow(sound)["tempo"][-1] == pytest.approx(90, rel=0.03)
    assert follow(sound, acts=taps)["tempo"][-1] == pytest.approx(120, rel=0.08)


def test_a_held_tempo_stays_in_silence_and_takes_its_phase_from_the_music() -> None:
    quiet = np.zeros(8 * RATE, np.float32)
    still = follow(quiet, acts={0.5: lambda tracker: tracker.set_tempo(90.0)})
    assert still["tempo"][RATE // 256 :] == pytest.approx(90, rel=1e-6)
    assert still["beat"].sum() == pytest.approx(7 * 1.5, abs=1.6)
    sound, truth = drums(90.5, 14.0)
    heard = follow(sound, acts={0.5: lambda tracker: tracker.set_tempo(90.0), 12.0: lambda t: t.set_tempo(0.0)})
    found = beat_times(heard)
    found = found[(found > 6) & (found < 12)]
    assert np.abs(apart_s(found, truth)).max() < 0.06
    assert heard["tempo"][int(11 * RATE / 256)] == pytest.approx(90, rel=1e-6)
    assert heard["tempo"][-1] == pytest.approx(90.5, rel=0.02)


@pytest.mark.parametrize("bpm", [40, 220, 240])
def test_a_held_tempo_that_cannot_be_heard_goes_on_evenly_whatever_is_played(bpm: float) -> None:
    times = np.arange(0.3, 20, 60 / bpm)
    sound = place(times, click, RATE, 20.0)
    heard = follow(sound, acts={1.0: lambda tracker: tracker.set_tempo(bpm)})
    beats = beat_times(heard)
    apart = np.diff(beats[beats > 2.0])
    assert len(apart) > 8
    assert apart == pytest.approx(60 / bpm, abs=0.02)


@pytest.mark.parametrize("bpm", [40.0, 120.0, 220.0])
@pytest.mark.parametrize("late", [0.12, 0.3, 0.4])
def test_under_a_held_tempo_in_silence_a_tap_says_where_the_beat_is(bpm: float, late: float) -> None:
    period_s = 60.0 / bpm
    quiet = np.zeros(round((6.0 + 6 * period_s) * RATE), np.float32)
    before = beat_times(follow(quiet, acts={0.5: lambda tracker: tracker.set_tempo(bpm)}))
    # Between two beats, where nobody is to move it to either.
    at_s = before[before > 4.0][0] + late * period_s
    after = beat_times(follow(quiet, acts={0.5: lambda tracker: tracker.set_tempo(bpm), at_s: BeatTracker.tap}))
    last = after[-1] - at_s
    assert abs(last / period_s - round(last / period_s)) * period_s < 0.02


def test_a_tapped_tempo_is_let_go_in_silence_though_an_automatic_gain_lifts_its_noise() -> None:
    rng = np.random.default_rng(4)
    music = 0.05 * place(np.arange(0.3, 12, 0.6), click, RATE, 12.0)
    sound = np.concatenate([music, np.zeros(8 * RATE)]) + 1e-4 * rng.standard_normal(20 * RATE)
    analyzer = LiveAnalyzer(RATE, gain_db="auto")
    frames, done = [], 0
    for tap_s in (6.3, 6.9, 7.5, 8.1):
        frames.append(analyzer.process(sound[done : int(tap_s * RATE)].astype(np.float32)))
        analyzer.tap(0.0)
        done = int(tap_s * RATE)
    frames.append(analyzer.process(sound[done:].astype(np.float32)))
    heard = np.concatenate(frames)
    assert analyzer.gain_db > 20
    assert heard["tempo"][heard["time_s"] < 12][-1] == pytest.approx(100, rel=0.02)
    assert heard["gate"][-1] == 0
    assert heard["tempo"][-1] == 0
