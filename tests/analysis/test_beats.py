"""Tempo, beat phase and bars as `LiveAnalyzer` and `BeatTracker` report them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import soxr

from analysis import LiveAnalyzer
from analysis.beat_space import BeatSpace, Peak, wrapped
from analysis.beats import NEXT_BEAT_REST_S, BeatTracker
from analysis.spectrum import LongSpectrum
from analysis.timing import hop_size
from tests.analysis.beating import RATE, apart_s, beat_times, clicks, drums, follow
from tests.analysis.sounds import beat, click, hat, kick, noise, place, pluck, snare


@pytest.mark.parametrize("bpm", [72, 90, 101.5, 125, 140, 156])
def test_tempo_and_beat_are_found_within_six_beats_and_land_on_the_beat(bpm: float) -> None:
    sound, truth = drums(bpm, 14.0)
    heard = follow(sound)
    limit_s = truth[0] + max(4.0, 6 * 60 / bpm)
    after = heard[heard["time_s"] > limit_s]
    assert after["tempo"] == pytest.approx(bpm, rel=0.03)
    assert np.median(after["tempo"]) == pytest.approx(bpm, rel=0.01)
    found = beat_times(heard)
    found = found[found > limit_s]
    assert len(found) == pytest.approx((14.0 - limit_s) * bpm / 60, abs=1.5)
    inside = found[found < truth[-1] + 0.1]
    assert np.median(np.abs(apart_s(inside, truth))) < 0.02
    assert np.abs(apart_s(inside, truth)).max() < 0.05


@pytest.mark.parametrize("hit", [click, kick, pluck])
def test_even_hits_of_any_instrument_are_the_beat(hit: Callable) -> None:
    truth = np.arange(0.4, 11.5, 0.5)
    heard = follow(place(truth, hit, RATE, 12.0))
    found = beat_times(heard)
    assert heard["tempo"][-1] == pytest.approx(120, rel=0.02)
    assert np.abs(apart_s(found[(found > 5) & (found < 11.5)], truth)).max() < 0.04


def test_hats_between_the_beats_do_not_move_it() -> None:
    frames = LiveAnalyzer(RATE).process(beat(RATE, 12.0, 125))
    began = frames[frames["beat"] > 0]
    times = began["time_s"] - began["beat_phase"] * 60 / began["tempo"]
    apart = apart_s(times[times > 5], np.arange(0.3, 13.0, 60 / 125))
    assert len(apart) >= 13
    assert np.abs(apart).max() < 0.04
    assert (np.cumsum(frames["beat"]) == frames["beat_count"]).all()


@pytest.mark.parametrize(("bpm", "swing"), [(112, 0.67), (136, 0.64), (150, 0.6)])
def test_a_swung_ride_alone_is_counted_in_its_beats(bpm: float, swing: float) -> None:
    seconds, beat_s = 14.0, 60 / bpm
    truth = np.arange(0.3, seconds - 1, beat_s)
    sound = place(truth, hat, RATE, seconds) + 0.6 * place(truth[1::2] + swing * beat_s, hat, RATE, seconds)
    heard = follow(sound)
    late = heard[heard["time_s"] > 7]
    assert np.median(late["tempo"]) == pytest.approx(bpm, rel=0.01)
    found = beat_times(late)
    assert np.median(np.abs(apart_s(found[found < truth[-1] + 0.1], truth))) < 0.012


@pytest.mark.parametrize("bpm", [66, 92, 128, 164, 172, 176, 180])
def test_the_tempo_does_not_alternate_between_half_and_double(bpm: float) -> None:
    heard = follow(clicks(bpm, 20.0)[0])
    late = heard["tempo"][heard["time_s"] > 6]
    assert late.min() > 0
    assert late.max() / late.min() < 1.1
    level = np.median(late) / bpm
    assert min(abs(level / factor - 1) for factor in (0.5, 1, 2)) < 0.02
    assert 60 <= np.median(late) <= 180


@pytest.mark.parametrize("bpm", [162, 168, 174])
def test_a_fast_backbeat_is_not_counted_at_half(bpm: float) -> None:
    """Drum and bass: bass drum on one and before three's second half, snare on two and four, hats in eighths."""
    seconds, beat_s = 20.0, 60 / bpm
    truth = np.arange(0.3, seconds - 0.4, beat_s)
    kicks = np.concatenate([truth[::4], truth[2::4] + beat_s / 2])
    sound = place(kicks, kick, RATE, seconds) + place(truth[1::2], snare, RATE, seconds, -140)
    sound += 0.6 * place(np.arange(0.3, seconds - 0.4, beat_s / 2), hat, RATE, seconds, -140)
    late = follow(sound)
    late = late[late["time_s"] > 13]
    assert late["tempo"] == pytest.approx(bpm, rel=0.02)
    found = beat_times(late)
    assert np.abs(apart_s(found[found < truth[-1]], truth)).max() < 0.03


def test_a_backbeat_that_waits_lends_its_wait_to_no_other_reading() -> None:
    """Else the first look in which the same double is no backbeat would be enough to follow it."""
    hop = hop_size(RATE)
    tracker = BeatTracker(RATE, hop, LongSpectrum(RATE, hop))
    slow, double = Peak(0.0, 60 / 87, 0.05), Peak(0.0, 60 / 174, 0.9)
    tracker._follow(slow)
    tracker._now_s, tracker._evidence, tracker._rivals.doubled = 20.0, 10.0, 3
    tracker._space = SimpleNamespace(backbeat=0.9, expect=lambda period_s: None)
    for _ in range(1000):
        tracker._compare(double, slow, slow)
    assert tracker._followed == slow
    tracker._space.backbeat = 0.2
    tracker._compare(double, slow, slow)
    assert tracker._followed == slow
    for _ in range(1000):
        tracker._compare(double, slow, slow)
    assert tracker._followed == double, "on its own it is followed in time"


@pytest.mark.parametrize("bpm", [87.0, 120.0, 174.0])
def test_what_is_insisted_on_is_believed_and_goes_on_while_nothing_is_heard(bpm: float) -> None:
    space, period_s = BeatSpace(256 / 24_000), 60 / bpm
    space.insist(0.3, period_s)
    peak = space.best()
    assert peak.mass > 0.8
    assert (peak.phase, peak.period_s) == pytest.approx((0.3, period_s), rel=0.02)
    looks = 20
    space.skip(looks)
    later = space.around((0.3 + looks * 256 / 24_000 / period_s) % 1.0, period_s)
    assert later.mass > 0.75
    assert abs(wrapped(later.phase - 0.3 - looks * 256 / 24_000 / period_s)) < 0.03


@pytest.mark.parametrize(("before", "after"), [(118, 132), (140, 100)])
def test_a_jump_of_tempo_is_followed_within_six_beats(before: float, after: float) -> None:
    first, _ = drums(before, 9.0)
    second, truth = drums(after, 11.0, 0.0)
    heard = follow(np.concatenate([first, second]))
    limit_s = 9.0 + max(4.0, 6 * 60 / after)
    late = heard[heard["time_s"] > limit_s]
    assert late["tempo"] == pytest.approx(after, rel=0.03)
    found = beat_times(heard)
    found = found[(found > limit_s) & (found < 9.0 + truth[-1])]
    assert len(found) > 5
    assert np.abs(apart_s(found, 9.0 + truth)).max() < 0.06


def test_a_slow_drift_of_tempo_is_followed() -> None:
    beats = [0.3]
    while beats[-1] < 17:
        beats.append(beats[-1] + 60 / (100 + 1.5 * beats[-1]))
    truth = np.array(beats)
    heard = follow(place(truth, kick, RATE, 18.0))
    found = beat_times(heard)
    found = found[(found > 5) & (found < truth[-1])]
    assert len(found) == np.sum((truth > 5) & (truth < truth[-1])) or len(found) > 20
    assert np.abs(apart_s(found, truth)).max() < 0.06


def test_the_beat_goes_on_through_a_break_and_is_met_when_the_drums_return() -> None:
    bpm, seconds = 126.0, 24.0
    sound, truth = drums(bpm, seconds)
    t = np.arange(len(sound)) / RATE
    sound[int(8 * RATE) : int(16 * RATE)] = 0
    chord = sum(np.sin(2 * np.pi * pitch * t + pitch) for pitch in (220.0, 277.2, 329.6))
    heard = follow(sound + (0.03 * chord).astype(np.float32))
    pause = heard[(heard["time_s"] > 8) & (heard["time_s"] < 16)]
    assert pause["tempo"] == pytest.approx(bpm, rel=0.02)
    assert pause["confidence"][-1] < 0.5 < heard["confidence"][int(7 * RATE / 256)]
    found = beat_times(heard)
    found = found[(found > 7) & (found < truth[-1])]
    assert np.abs(apart_s(found, truth)).max() < 0.07
    assert len(found) == pytest.approx((truth[-1] - 7) * bpm / 60, abs=1.5)


def steady(name: str) -> np.ndarray:
    rng, t = np.random.default_rng(5), np.arange(14 * RATE) / RATE
    if name == "pad":
        chord = sum(np.sin(2 * np.pi * p * t + p) * (1 + 0.3 * np.sin(0.7 * t + p)) for p in (110, 165, 220.5, 277))
        return (0.1 * chord + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)
    if name == "scattered hits":
        return place(np.cumsum(0.08 + rng.exponential(0.45, 24)), pluck, RATE, 14.0)
    if name == "brown noise":
        walk = np.cumsum(rng.standard_normal(len(t)))
        walk -= np.convolve(walk, np.ones(2000) / 2000, "same")
        return (0.3 * walk / np.abs(walk).max()).astype(np.float32)
    return noise(RATE, 14.0, -20) if name == "white noise" else np.zeros(14 * RATE, np.float32)


@pytest.mark.parametrize("name", ["silence", "white noise", "brown noise", "pad", "scattered hits"])
def test_without_a_beat_there_is_no_tempo(name: str) -> None:
    heard = follow(steady(name))
    for field in ("beat", "tempo", "phase", "confidence", "bar_beat", "bar_phase"):
        assert not heard[field].any(), field
    assert (heard["next_s"] == NEXT_BEAT_REST_S).all()


def test_the_beat_is_forgotten_in_silence_and_long_after_the_last_hit() -> None:
    sound = drums(120, 7.0)[0]
    silent = follow(np.concatenate([sound, np.zeros(7 * RATE, np.float32)]))
    assert silent["tempo"][int(10 * RATE / 256)] > 0
    hum = 0.1 * np.sin(2 * np.pi * 110 * np.arange(22 * RATE) / RATE)
    hummed = follow(np.concatenate([sound, hum]).astype(np.float32))
    assert hummed["tempo"][int(17 * RATE / 256)] > 0
    for heard in (silent, hummed):
        assert heard["tempo"][-1] == heard["phase"][-1] == heard["confidence"][-1] == heard["bar_beat"][-1] == 0


def test_the_next_beat_comes_when_it_was_said() -> None:
    sound, truth = drums(116, 14.0)
    heard = follow(sound)
    late = heard[(heard["time_s"] > 6) & (heard["time_s"] < truth[-2])]
    said = late["time_s"] + late["next_s"]
    assert np.median(np.abs(apart_s(said, truth))) < 0.02
    began = late["time_s"][late["beat"] > 0]
    for ahead in late[(late["time_s"] < began[-1]) & (late["next_s"] > 0.02)][::7]:
        comes = began[began > ahead["time_s"]][0]
        assert ahead["time_s"] + ahead["next_s"] == pytest.approx(comes, abs=0.03)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_sample_rates_hear_the_same_beat(rate: int) -> None:
    sound, _ = drums(112, 10.0)
    ours, other = follow(sound), follow(soxr.resample(sound, RATE, rate), rate)
    assert other["tempo"][-1] == pytest.approx(ours["tempo"][-1], rel=0.005)
    found, again = beat_times(ours), beat_times(other)
    assert np.abs(apart_s(again[again > 5], found)).max() < 0.012


def test_the_cut_into_blocks_does_not_change_the_beat() -> None:
    sound = beat(RATE, 6.0, 128)
    whole = LiveAnalyzer(RATE).process(sound)
    assert whole["tempo"][-1] > 0
    analyzer, parts, start = LiveAnalyzer(RATE), [], 0
    for size in np.random.default_rng(2).integers(1, 3000, 400):
        parts.append(analyzer.process(sound[start : start + size]))
        start += size
    pieces = np.concatenate(parts)
    assert len(pieces) == len(whole)
    assert pieces.tobytes() == whole.tobytes()


def test_a_level_that_was_expected_is_forgotten_with_its_beat_and_with_its_range() -> None:
    fresh, settled = BeatSpace(0.0107), BeatSpace(0.0107)
    settled.expect(0.5)
    assert (settled._scores[-1] < fresh._scores[-1]).any()
    assert (settled._scores[-1] <= fresh._scores[-1]).all()
    for space in (fresh, settled):
        space.restrict(56, 64)
    np.testing.assert_array_equal(settled._scores, fresh._scores)
    np.testing.assert_array_equal(settled._restart, fresh._restart)


def test_the_beat_goes_on_over_lost_samples() -> None:
    sound, truth = drums(120, 16.0)
    gap_s = 1.7
    kept = np.concatenate([sound[: int(8 * RATE)], sound[int((8 + gap_s) * RATE) :]])
    heard = follow(kept, acts={8.0: lambda tracker: tracker.skip(gap_s)})
    found = beat_times(heard)
    found = found[found > 8.1] + gap_s
    assert heard["tempo"][heard["time_s"] > 6] == pytest.approx(120, rel=0.02)
    assert np.abs(apart_s(found[found < truth[-1]], truth)).max() < 0.06


def test_small_holes_do_not_keep_it_from_a_new_song() -> None:
    first, second = drums(118, 10.0)[0], drums(92, 20.0)[0]
    sound, heard, lost = np.concatenate([first, second]), 2 * RATE, 278
    pieces = [sound[start : start + heard] for start in range(0, len(sound), heard + lost)]
    acts = {2.0 * n: lambda tracker: tracker.skip(lost / RATE) for n in range(1, len(pieces))}
    tempo = follow(np.concatenate(pieces), acts=acts)["tempo"]
    assert tempo[int(9 * RATE / 256)] == pytest.approx(118, rel=0.03)
    assert tempo[int(20 * RATE / 256) :] == pytest.approx(92, rel=0.03)


def test_the_tempo_stays_over_a_hole_longer_than_any_break() -> None:
    sound, _ = drums(120, 12.0)
    heard = follow(sound, acts={8.0: lambda tracker: tracker.skip(14.3)})
    assert heard["tempo"][heard["time_s"] > 6] == pytest.approx(120, rel=0.03)
