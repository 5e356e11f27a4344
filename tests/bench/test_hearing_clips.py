"""The clips that hearing is measured on: their truth is exact, and a seed says all."""

import numpy as np
import pytest

from bentlight.errors import BadInput
from live.bench.hearing.clips import CLASSES, clip, clips
from live.bench.hearing.draw import Draw
from live.bench.hearing.mix import Mix
from live.bench.hearing.song import Song
from live.bench.hearing.tones import pad
from live.bench.hearing.truth import MERGE_S, merged

SECONDS = 7.0
RATE = 48_000


@pytest.fixture(scope="module")
def short_clips():
    return {name: clip(name, seconds=SECONDS) for name in CLASSES}


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


@pytest.mark.parametrize("name", CLASSES)
def test_a_clip_is_sound_within_full_scale_and_its_truth_lies_inside_it(short_clips, name):
    made = short_clips[name]
    truth = made.truth
    assert made.samples.dtype == np.float32
    assert len(made.samples) == round(SECONDS * made.rate)
    assert np.abs(made.samples).max() <= 1.0
    assert (len(truth.onsets_s) == 0) == (truth.attack == "none")
    assert np.all(np.diff(truth.onsets_s) >= MERGE_S)
    assert np.all(np.diff(truth.beats_s) > 0)
    assert set(truth.downbeats_s) <= set(truth.beats_s)
    for stream, times in truth.streams_s.items():
        assert len(times) == len(truth.velocities[stream])
        assert np.all((truth.velocities[stream] > 0) & (truth.velocities[stream] <= 1))
    for times in (truth.onsets_s, truth.beats_s, *truth.streams_s.values()):
        assert np.all((times >= 0) & (times < SECONDS))


@pytest.mark.parametrize(
    "name", [name for name, (_, attack, _) in CLASSES.items() if attack in ("percussive", "mixed")]
)
def test_before_the_first_onset_there_is_only_the_floor(short_clips, name):
    made = short_clips[name]
    first = round(made.truth.onsets_s[0] * made.rate)
    before = rms(made.samples[: first - 1])
    after = rms(made.samples[first : first + made.rate // 20])
    assert after > 4 * before


@pytest.mark.parametrize("name", CLASSES)
def test_every_merged_onset_is_the_onset_of_some_stream_and_every_stream_onset_is_near_one(short_clips, name):
    truth = short_clips[name].truth
    parts = np.concatenate([*truth.streams_s.values(), np.zeros(0)])
    for onset in truth.onsets_s:
        assert np.abs(parts - onset).min() < 1e-6
    for onset in parts:
        assert np.abs(truth.onsets_s - onset).min() < MERGE_S


@pytest.mark.parametrize("name", ["breakbeat", "house_track", "slow_strings", "white_noise"])
def test_a_seed_says_all(name):
    one = clip(name, seed=5, half="report", seconds=SECONDS)
    same = clip(name, seed=5, half="report", seconds=SECONDS)
    other = clip(name, seed=6, half="report", seconds=SECONDS)
    assert one.rate == same.rate
    assert np.array_equal(one.samples, same.samples)
    assert np.array_equal(one.truth.onsets_s, same.truth.onsets_s)
    assert not np.array_equal(one.samples, other.samples)


def test_the_tuning_half_never_changes_and_the_report_half_is_another():
    tune = clip("sparse", seed=1, seconds=SECONDS)
    assert np.array_equal(tune.samples, clip("sparse", seed=2, seconds=SECONDS).samples)
    assert not np.array_equal(tune.samples, clip("sparse", seed=1, half="report", seconds=SECONDS).samples)


def test_clips_of_a_class_differ_and_come_in_order():
    made = list(clips(only=["off_beat_hats", "silence"], each=2, seconds=6.0))
    assert [(c.name, c.index) for c in made] == [(n, i) for n in ("off_beat_hats", "silence") for i in (0, 1)]
    assert made[0].about["bpm"] != made[1].about["bpm"]


def test_an_unknown_class_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="slow_strings"):
        clip("polka")


def dry_song(seconds=SECONDS, bpm=120.0):
    song = Song(Draw(3, "tune", "test", 0, RATE), seconds)
    song.tempo(bpm)
    song.mix.room, song.mix.noise_db = 0.0, -80.0
    return song


def tick(velocity):
    return velocity * np.random.default_rng(1).uniform(0.5, 1.0, 200) * np.where(np.arange(200) % 2, -1, 1)


@pytest.mark.parametrize("swing", [0.5, 0.66])
def test_a_naive_detector_finds_the_onsets_where_truth_has_them(swing):
    song = dry_song()
    song.swing = swing
    song.pattern("hat", tick, "xxxxxxxx")
    made = song.clip("test", 0, "percussive", beats=True)
    loud = np.abs(made.samples) > 0.1 * np.abs(made.samples).max()
    starts = np.flatnonzero(
        loud & ~np.concatenate([[False], [loud[max(0, i - 2000) : i].any() for i in range(1, len(loud))]])
    )
    assert len(starts) == len(made.truth.onsets_s)
    assert np.allclose(starts / RATE, made.truth.onsets_s, atol=0.0005)
    assert np.allclose(np.diff(made.truth.beats_s), 0.5)


def test_a_slow_note_has_its_onset_where_its_envelope_passes_minus_twelve_decibels():
    t = np.arange(2 * RATE) / RATE
    sound = np.sin(2 * np.pi * 880 * t) * (0.5 - 0.5 * np.cos(np.pi * np.minimum(1, t / 0.3)))
    mix = Mix(RATE, 4.0, Draw(3, "tune", "test", 0, RATE))
    mix.room, mix.noise_db = 0.0, None
    mix.add("tonal", sound, 1.0, 0.8, 0.3)
    samples, heard = mix.finish()
    passed = np.flatnonzero(np.abs(samples) > 10 ** (-12 / 20) * np.abs(samples).max())[0] / RATE
    assert heard.onsets_s == pytest.approx([passed], abs=0.002)


def test_a_slow_note_under_a_hit_is_one_with_it():
    draw = Draw(3, "tune", "test", 0, RATE)
    tone = pad(draw, RATE)
    mix = Mix(RATE, 4.0, draw)
    mix.add("hat", tick(0.9), 1.0, 0.9)
    mix.add("tonal", tone.play(440.0, 2.0, 0.8), 1.01, 0.8, tone.attack_s)
    _, heard = mix.finish()
    assert heard.onsets_s == pytest.approx([1.0], abs=1e-4)


def test_what_nobody_can_hear_is_not_in_the_truth():
    draw = Draw(3, "tune", "test", 0, RATE)
    mix = Mix(RATE, 4.0, draw)
    mix.room = 0.0
    burst = draw.rng.standard_normal(RATE // 10)
    mix.add("snare", burst, 1.0, 0.9)
    mix.add("hat", 0.05 * draw.rng.standard_normal(RATE // 10), 1.01, 0.05)
    mix.add("hat", 0.002 * draw.rng.standard_normal(RATE // 10), 1.6, 0.01)
    mix.add("hat", 0.5 * draw.rng.standard_normal(RATE // 10), 2.2, 0.5)
    _, heard = mix.finish()
    assert heard.onsets_s == pytest.approx([1.0, 2.2], abs=1e-4)
    assert heard.streams_s["hat"] == pytest.approx([2.2], abs=1e-4)


def test_onsets_of_a_group_become_its_first_loud_one():
    times = np.array([0.0, 0.01, 0.029, 0.031, 0.2])
    assert merged(times, np.array([0.0, 5.0, 0.0, 0.0, 0.0])) == [0, 3, 4]
    assert merged(times, np.array([-30.0, 0.0, 0.0, 0.0, 0.0])) == [1, 3, 4]
    assert merged(np.zeros(0), np.zeros(0)) == []


def test_a_jump_of_the_tempo_is_where_the_truth_says():
    made = clip("tempo_step", seconds=16.0)
    truth = made.truth
    turn = int(np.searchsorted(truth.beats_s, truth.change_s - 1e-6))
    before, after = np.diff(truth.beats_s[: turn + 1]), np.diff(truth.beats_s[turn:])
    assert before == pytest.approx(60 / made.about["bpm"], rel=1e-3)
    assert after == pytest.approx(60 / made.about["then"], rel=1e-3)
    assert float(truth.tempo_at(np.array([truth.change_s + 0.01]))[0]) == pytest.approx(made.about["then"], abs=0.1)
