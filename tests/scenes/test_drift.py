"""What moves by itself: locked to the beat without a jump, wandering at unit length, fading, following."""

from itertools import pairwise

import numpy as np
import pytest

from scenes.drift import HOP_S, BeatPhase, CrossFade, Heard, Listener, RandomWalk


def played(phase: BeatPhase, tempos, beats, speed: float = 1.0, free: float = 0.01, metre: float = 4.0) -> np.ndarray:
    """Turns after each hop."""
    found = []
    for tempo, beat in zip(tempos, beats, strict=True):
        phase.step(Heard(HOP_S, tempo, beat % metre, speed, {}, metre))
        phase.set_rate(free, tempo, speed, metre)
        found.append(phase.turns)
    return np.array(found)


def hops(seconds: float) -> np.ndarray:
    return np.arange(1, round(seconds / HOP_S) + 1) * HOP_S


def test_a_phase_takes_up_the_beat_and_keeps_it():
    times = hops(20)
    beats = 0.37 + times * 2.0
    turns = played(BeatPhase(2), np.full(len(times), 120.0), beats)
    off = (turns * 8 - beats + 0.5) % 1 - 0.5
    assert np.abs(off[times > 5]).max() < 0.02
    # 120 beats a minute, eight beats a turn: a quarter of a turn in a second.
    assert (turns[-1] - turns[np.searchsorted(times, 12)]) / (times[-1] - 12) == pytest.approx(0.25, rel=0.01)


def test_a_turn_lasts_its_bars_in_any_metre():
    times = hops(20)
    found = played(BeatPhase(2), np.full(len(times), 120.0), times * 2.0, metre=3.0)
    # 120 beats a minute, six beats a turn: a third of a turn in a second.
    assert (found[-1] - found[np.searchsorted(times, 8)]) / (times[-1] - 8) == pytest.approx(1 / 3, rel=0.01)


@pytest.mark.parametrize("metre", [3, 4, 7])
@pytest.mark.parametrize("first", [1.37, 2.0, 2.9])
@pytest.mark.parametrize("bars", [1, 4])
def test_turns_of_whole_bars_begin_on_the_bar_wherever_the_scene_began(bars, first, metre):
    times = hops(60)
    beats = first + times * 2.0
    turns = played(BeatPhase(bars), np.full(len(times), 120.0), beats, metre=metre)
    began = np.flatnonzero(np.diff(np.floor(turns[times > 10]))) + 1
    assert len(began) >= 2
    off = (beats[times > 10][began] + metre / 2) % metre - metre / 2
    assert np.abs(off).max() < 0.05


def test_turns_of_half_a_bar_begin_on_the_first_and_third_beat():
    times = hops(20)
    beats = 1.2 + times * 2.0
    turns = played(BeatPhase(0.5), np.full(len(times), 120.0), beats)
    began = np.flatnonzero(np.diff(np.floor(turns[times > 10]))) + 1
    assert np.abs((beats[times > 10][began] + 1) % 2 - 1).max() < 0.05


def test_a_phase_never_jumps_or_goes_back_when_the_tempo_comes_goes_and_errs():
    times = hops(30)
    rng = np.random.default_rng(0)
    tempo = np.select([times < 5, times < 12, times < 15, times < 22], [0.0, 128.0, 0.0, 64.0], 190.0)
    beats = np.where(times % 3 < 1.5, times * 2.1, rng.random(len(times)))  # half of it is nonsense
    strides = np.diff(played(BeatPhase(1), tempo, beats, free=0.2))
    assert strides.min() > 0
    assert strides.max() <= 1.5 * max(0.2, 190 / 60 / 4) * HOP_S + 1e-12


def test_a_phase_runs_freely_without_a_tempo_or_without_bars():
    times = hops(10)
    assert played(BeatPhase(2), 0 * times, 0 * times, free=0.3)[-1] == pytest.approx(3, rel=0.01)
    assert played(BeatPhase(None), 0 * times + 120, times * 2, free=0.3)[-1] == pytest.approx(3, rel=0.01)


def test_a_performers_speed_holds_for_the_beat_too():
    times = hops(10)
    whole = played(BeatPhase(1), 0 * times + 120, times * 2)[-1]
    assert played(BeatPhase(1), 0 * times + 120, times * 2, speed=0.5)[-1] == pytest.approx(whole / 2, rel=0.05)
    assert played(BeatPhase(1), 0 * times + 120, times * 2, speed=0.0)[-1] == 0


def test_a_random_walk_has_unit_length_and_is_smooth():
    walk = RandomWalk(8, 3)
    path = np.array([walk.at(i / 20) for i in range(4000)])
    np.testing.assert_allclose((path**2).sum(axis=1), 1, atol=1e-9)
    assert max(np.linalg.norm(b - a) for a, b in pairwise(path)) < 0.3
    assert np.abs(path.mean(axis=0)).max() < 0.25
    # Related at a tenth of its time, strangers after several.
    assert (path[2:] * path[:-2]).sum(axis=1).mean() > 0.9
    assert abs((path[200:] * path[:-200]).sum(axis=1).mean()) < 0.2


def test_a_random_walks_course_depends_on_the_seed_alone():
    often, seldom = RandomWalk(8, 3), RandomWalk(8, 3)
    there = [often.at(i / 100) for i in range(1000)]
    for i in range(0, 1000, 37):
        assert seldom.at(i / 100) == pytest.approx(there[i])
    assert often.at(9.99 - 10) == pytest.approx(there[0])
    assert RandomWalk(8, 4).at(1.0) != pytest.approx(there[100])


def test_a_listener_shares_out_by_what_is_heard_and_rests_in_silence():
    listener = Listener("bands", 4, 4, 10, 10, 3)
    assert listener.shares() == (1.0, (0, 0, 0, 0))
    for _ in range(100):
        listener.step(Heard(HOP_S, 0, 0, 1, {"bands": [0.1, 0.9, 0.4, 0.0]}))
    rest, shares = listener.shares()
    assert rest + sum(shares) == pytest.approx(1)
    assert rest < 0.02
    assert shares[1] > 0.85
    listener.step(Heard(10.0, 0, 0, 1, {"bands": [0.0] * 4}))
    assert listener.shares()[0] == pytest.approx(1)


def test_neighbouring_values_share_a_weight_where_there_are_fewer():
    listener = Listener("bands", 8, 3, 0, 0, 1)
    listener.step(Heard(HOP_S, 0, 0, 1, {"bands": [1.0, 1, 1, 0, 0, 0, 0, 1]}))
    rest, shares = listener.shares()
    assert shares == pytest.approx(((1 - rest) * 0.75, 0, (1 - rest) * 0.25))


def test_a_weight_rises_and_falls_with_its_time_constants():
    listener = Listener("bands", 2, 2, 100, 400, 2)
    steps = []
    for value in [1.0] * 120 + [0.0] * 120:
        listener.step(Heard(0.005, 0, 0, 1, {"bands": [value, 0.0]}))
        steps.append(listener.shares()[1][0])
    assert steps[19] == pytest.approx(1 - np.exp(-1) * 1, abs=0.2)
    assert max(abs(b - a) for a, b in pairwise(steps)) < 0.06


def test_a_fade_cued_in_the_middle_starts_from_what_stands():
    fade = CrossFade("a")
    fade.cue("b", 1.0, 2.0)
    before = dict(fade.mix(1.7))
    fade.cue("c", 1.7, 2.0)
    assert dict(fade.mix(1.7)) == pytest.approx(before)
    for time_s in np.linspace(1.7, 3.8, 40).tolist():
        assert sum(weight for _, weight in fade.mix(time_s)) == pytest.approx(1)
    assert fade.mix(3.71) == (("c", 1.0),)
