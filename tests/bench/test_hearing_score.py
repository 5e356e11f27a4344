"""Scores of hand-made cases whose answer is known."""

import sys

import numpy as np
import pytest

from bentlight.errors import BadInput
from live.bench.hearing.figures import TOTALS, Target, by_class, totals
from live.bench.hearing.listen import Events, Listened, aubio_hears, ours
from live.bench.hearing.score import lock_limit_s, score
from live.bench.hearing.truth import Clip, Truth

pytest.importorskip("mir_eval")

SECONDS, STEP = 30.0, 0.5
BEATS = np.arange(0.3, SECONDS - 0.2, STEP)
TICKS = np.arange(0.0, SECONDS, 0.01)


def truth(**changes):
    parts = {
        "onsets_s": BEATS,
        "streams_s": {"kick": BEATS[::2], "snare": BEATS[1::2]},
        "velocities": {},
        "beats_s": BEATS,
        "downbeats_s": BEATS[::4],
        "tempo_s": np.array([0.0]),
        "tempo_bpm": np.array([60 / STEP]),
        "attack": "percussive",
    }
    return Truth(**(parts | changes))


def heard(onsets=BEATS, beats=BEATS, bpm=60 / STEP, late=0.01, **streams):
    return Listened(
        Events(onsets, onsets + late), Events(beats, beats), TICKS, np.full(len(TICKS), float(bpm)), streams
    )


def scored(listened, **changes):
    return score(Clip("test", 0, 100, np.zeros(3000, np.float32), truth(**changes)), listened)


def test_a_perfect_listener_has_full_marks():
    made = scored(heard())
    assert (made.onsets.f, made.onsets.hits) == (1.0, len(BEATS))
    assert made.onsets.delays_ms == pytest.approx(10.0)
    beats = made.beats
    assert (beats.f, beats.cmlt, beats.amlt, beats.tempo_error, beats.lock_s) == (1, 1, 1, 0, 0)
    assert np.all(beats.phase_ms == 0)


def test_sixty_milliseconds_off_is_no_onset_but_still_a_beat():
    made = scored(heard(onsets=BEATS + 0.06, beats=BEATS + 0.06))
    assert made.onsets.f == 0.0
    assert made.beats.f == 1.0
    assert made.beats.phase_ms == pytest.approx(60.0)


def test_double_tempo_is_wrong_at_the_true_level_and_right_at_an_allowed_one():
    twice = np.arange(0.3, SECONDS - 0.2, STEP / 2)
    beats = scored(heard(beats=twice, bpm=240)).beats
    assert beats.f == pytest.approx(2 / 3, abs=0.01)
    assert beats.cmlt == 0.0
    assert beats.amlt > 0.95
    assert beats.tempo_error == pytest.approx(1.0)
    assert beats.octave_error == pytest.approx(0.0)
    assert np.isinf(beats.lock_s)


def test_half_a_beat_off_is_never_locked():
    beats = scored(heard(beats=BEATS + STEP / 2)).beats
    assert beats.f == 0.0
    assert beats.amlt > 0.9
    assert np.isinf(beats.lock_s)


def test_locked_is_the_first_of_four_right_beats_at_the_right_tempo():
    wrong = np.arange(0.1, 3.0, 0.35)
    beats = np.concatenate([wrong[wrong < 3.0], BEATS[BEATS >= 3.3]])
    assert scored(heard(beats=beats)).beats.lock_s == pytest.approx(3.0)
    assert np.isinf(scored(heard(beats=beats, bpm=100)).beats.lock_s)


def test_the_time_to_find_the_beat_again_counts_from_the_jump():
    after = np.arange(15.3, SECONDS - 0.2, 0.6)
    true = np.concatenate([BEATS[BEATS < 15.2], after])
    found = np.concatenate([BEATS[BEATS < 18.0], after[after > 18.0]])
    changes = {"beats_s": true, "tempo_s": np.array([0.0, 15.3]), "tempo_bpm": np.array([120.0, 100.0])}
    listened = heard(beats=found)
    listened.tempo_bpm[TICKS > 18.0] = 100.0
    beats = scored(listened, change_s=15.3, **changes).beats
    assert beats.lock_s == 0.0
    assert 2.4 < beats.relock_s < 3.7
    assert beats.relock_limit_s == pytest.approx(4.0)


def test_a_slow_tempo_has_six_beats_to_be_found():
    assert lock_limit_s(60) == pytest.approx(6.0)
    assert lock_limit_s(170) == pytest.approx(4.0)


def test_nothing_heard_is_nothing_gained():
    made = scored(heard(onsets=np.zeros(0), beats=np.zeros(0), bpm=0))
    assert made.onsets.f == 0.0
    assert (made.beats.f, made.beats.cmlt) == (0.0, 0.0)
    assert np.isnan(made.beats.tempo_error)
    assert np.isinf(made.beats.lock_s)


def test_an_onset_where_there_is_none_is_counted():
    made = scored(heard(onsets=np.array([4.0])), onsets_s=np.zeros(0), beats_s=np.zeros(0), attack="none")
    assert (made.onsets.found, made.onsets.hits) == (1, 0)
    assert made.beats is None
    named = {target.what: value for target, value in totals([made])}
    assert named["onsets in silence and steady noise"] == 1


def test_a_stream_may_or_may_not_hear_a_tom():
    toms = BEATS[3::8] + 0.2
    kicks = np.sort(np.concatenate([BEATS[::2], toms]))
    streams = {"kick": BEATS[::2], "tom": toms}
    assert scored(heard(kick=Events(kicks, kicks)), streams_s=streams).streams["kick"].f == 1.0
    assert scored(heard(kick=Events(kicks, kicks)), streams_s={"kick": BEATS[::2]}).streams["kick"].f < 0.95


def test_a_hat_where_a_tom_is_is_a_false_one():
    toms = BEATS[3::8] + 0.2
    hats = np.sort(np.concatenate([BEATS[::2], toms]))
    streams = {"hat": BEATS[::2], "tom": toms}
    assert scored(heard(hat=Events(hats, hats)), streams_s=streams).streams["hat"].f < 0.95


def test_totals_of_a_perfect_listener_meet_every_target_and_of_a_deaf_one_none():
    kinds = {"attack": "slow"}, {"onsets_s": np.zeros(0), "beats_s": np.zeros(0), "attack": "none"}
    perfect = [scored(heard()), scored(heard(), **kinds[0]), scored(heard(onsets=np.zeros(0)), **kinds[1])]
    assert not [t.what for t, v in totals(perfect) if t.met(v) is False and "jumped" not in t.what]
    noise = np.arange(0.1, 29, 0.37)
    wrong = heard(noise, noise, 77, late=0.09)
    deaf = [scored(wrong), *(scored(wrong, **kind) for kind in kinds)]
    assert not [t.what for t, v in totals(deaf) if t.met(v)]


def test_every_total_with_nothing_to_measure_is_not_met():
    for (target, _), (_, value) in zip(TOTALS, totals([]), strict=True):
        assert np.isnan(value)
        assert target.met(value) in (None, False)


def test_a_target_knows_which_way_is_better():
    assert Target("F", 0.9, True).met(0.95)
    assert not Target("F", 0.9, True).met(0.85)
    assert Target("delay", 15, False).met(10)
    assert Target("anything", None, False).met(10) is None


def test_classes_are_summed_up_one_by_one():
    rows = by_class([scored(heard()), scored(heard(onsets=BEATS[::2]))])
    assert rows["test"]["clips"] == 2
    assert rows["test"]["onset_f"] == pytest.approx((1 + 2 / 3) / 2, abs=0.01)


@pytest.mark.parametrize("listener", [ours, aubio_hears])
def test_a_listener_cannot_act_before_the_sound(listener):
    rng = np.random.default_rng(2)
    samples = (1e-4 * rng.standard_normal(8 * 48_000)).astype(np.float32)
    times = np.arange(0.5, 7.5, 0.5)
    for at in times:
        start = round(at * 48_000)
        samples[start : start + 2000] += (0.5 * rng.standard_normal(2000) * np.exp(-np.arange(2000) / 400)).astype("f4")
    clip = Clip("test", 0, 48_000, samples, truth(onsets_s=times, beats_s=times))
    made = score(clip, listener(clip))
    assert made.onsets.f > 0.9
    assert np.all(made.onsets.delays_ms > 0)
    assert np.median(made.onsets.delays_ms) < 80


def test_without_mir_eval_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mir_eval", None)
    with pytest.raises(BadInput, match="pip install mir_eval"):
        scored(heard())
