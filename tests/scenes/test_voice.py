"""Routes with chains and oscillators, played by a patch."""

import itertools
import math

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME, FEATURES, rest_frame
from scenes import Patch, loads
from scenes.blocks import BLOCKS
from scenes.lfo import WAVES
from tests.scenes.test_lfo import set_beats
from tests.scenes.test_patch import HOP_S, music, visit

HEAD = """\
name: test
prompts: [{text: one}]
bends:
  - {name: hue, operator: channel_rotate, site: latent.end}
  - {name: size, operator: zoom, site: unet.mid}
routes:
"""


def scene(*routes: str):
    return loads(HEAD + "".join(f"  - {{{route}}}\n" for route in routes))


def every_block(source: str = "loudness", to: str = "hue/angle") -> list[str]:
    return [f"name: r{i}, source: {source}, to: {to}, through: [{name}]" for i, name in enumerate(BLOCKS)]


def every_wave() -> list[str]:
    free = [f"name: f{i}, source: {wave}, hz: 0.8, to: size/factor" for i, wave in enumerate(WAVES)]
    return free + [f"name: b{i}, source: {wave}, beats: 4, phase: 0.3, to: size/factor" for i, wave in enumerate(WAVES)]


def steady(seconds: float, bpm: float = 120) -> np.ndarray:
    """Music at a steady tempo."""
    frames = music(seconds)
    set_beats(frames, bpm, bpm / 60 * frames["time_s"])
    return frames


@pytest.mark.parametrize("routes", [every_block(), every_wave(), every_block("triangle, hz: 0.4")], ids=len)
def test_values_do_not_depend_on_the_picture_rate(routes):
    played, frames = scene(*routes), steady(5)
    slow = visit(Patch(played, start_s=0), frames, np.arange(1, 51) / 10)
    fast = visit(Patch(played, start_s=0), frames, np.arange(1, 301) / 60)
    for i, spec in enumerate(slow):
        assert spec.values == pytest.approx(fast[6 * i + 5].values, abs=1e-9)


@pytest.mark.parametrize("route", [*every_block(), *every_wave()])
def test_values_do_not_depend_on_the_hop_size(route):
    played, coarse = scene(route), steady(4)
    coarse["time_s"] = (np.arange(len(coarse)) + 1) * 0.01
    fine = np.repeat(coarse, 2)
    fine["time_s"] = (np.arange(len(fine)) + 1) * 0.005
    for frames in (coarse, fine):
        set_beats(frames, 120, 1 + 2 * frames["time_s"] + 1e-9)
    times = np.arange(1, 60) / 10
    specs = [visit(Patch(played, start_s=0), frames, times) for frames in (coarse, fine)]
    for one, other in zip(*specs, strict=True):
        assert one.values == pytest.approx(other.values, abs=1e-6)


@pytest.mark.parametrize("route", [*every_block("loudness"), *every_block("tempo", "size/factor"), *every_wave()])
def test_a_route_stays_within_its_range_whatever_is_heard(route):
    frames = music(2)
    for field in FEATURES:
        frames[field.name][::3] = np.nan
        frames[field.name][1::5] = np.inf
        frames[field.name][2::7] = -1e30
        frames[field.name][3::11] = 1e30
    frames["time_s"][200:] += 30
    patch = Patch(scene(route))
    for spec in visit(patch, frames, np.arange(1, 70) / 2):
        assert all(map(math.isfinite, spec.values))
        assert all(0 <= level <= 1 for level in patch.levels.values())


@pytest.mark.parametrize("route", every_block("low"))
def test_a_chain_rests_where_it_rests_in_silence(route):
    patch = Patch(scene(route))
    frames = np.full(400, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(400) + 1) * HOP_S
    first = patch.advance(frames[:1], {}, HOP_S)
    assert patch.advance(frames[1:], {}, 2.0).values == pytest.approx(first.values)


@pytest.mark.parametrize("route", [*every_block(), *every_wave()])
def test_an_edited_scene_does_not_jump(route):
    frames = steady(6)
    old = Patch(scene(route), start_s=0)
    visit(old, frames, [2.0, 4.0])
    new = Patch(scene(route, "name: other, source: low, to: size/mix"))
    new.carry_over(old)
    rest = frames[np.searchsorted(frames["time_s"], 4.0, side="right") :]
    assert new.advance(rest[:100], {}, 4.5).values[:3] == old.advance(rest[:100], {}, 4.5).values[:3]


@pytest.mark.parametrize("attack_ms", [0, 30])
def test_a_hit_that_stands_while_its_scene_is_saved_stands_on(attack_ms):
    route = f"name: kick, source: onset, to: hue/angle, mode: hit, hold_ms: 200, attack_ms: {attack_ms}"
    frames = np.full(200, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(200) + 1) * HOP_S
    frames["onset"][10] = 1
    old, still = Patch(scene(route), start_s=0), Patch(scene(route), start_s=0)
    for patch in (old, still):
        patch.advance(frames[:30], {}, frames["time_s"][29])
    new = Patch(scene(route, "name: other, source: low, to: size/mix"))
    new.carry_over(old)
    for upto in (31, 45, 90, 160):
        frame, time_s = frames[upto - 1 : upto], frames["time_s"][upto - 1]
        assert new.advance(frame, {}, time_s).values[0] == still.advance(frame, {}, time_s).values[0] > 0


def test_another_speed_is_taken_up_where_the_oscillator_stands():
    frames = steady(3)
    old = Patch(scene("name: wobble, source: triangle, hz: 0.9, to: hue/angle"), start_s=0)
    last = visit(old, frames, [2.0])[-1]
    new = Patch(scene("name: wobble, source: triangle, hz: 5, to: hue/angle"))
    new.carry_over(old)
    assert new.advance(frames[:0], {}, 2.0).values[0] == pytest.approx(last.values[0])


def test_oscillators_and_sway_go_on_between_hops_and_when_nothing_is_heard():
    patch = Patch(
        scene("name: a, source: saw, hz: 0.5, to: hue/angle", "name: b, source: saw, beats: 8, to: size/factor")
    )
    none = np.zeros(0, FEATURE_FRAME)
    found = [patch.advance(none, {}, time_s).values for time_s in (0.0, 0.5, 1.0)]
    assert [values[0] for values in found] == pytest.approx([0, 0.25, 0.5])
    assert [values[2] for values in found] == pytest.approx([1, 1.125, 1.25])


def test_a_saw_of_four_beats_is_at_0_on_the_bar_and_half_way_after_two_beats():
    patch = Patch(scene("name: a, source: saw, beats: 4, to: hue/angle"), start_s=0)
    times = np.arange(1, 40) / 10
    for time_s, spec in zip(times, visit(patch, steady(4), times), strict=True):
        assert spec.values[0] == pytest.approx(2 * time_s / 4 % 1, abs=1e-5) or math.isclose(2 * time_s / 4 % 1, 0)


def test_a_chain_comes_between_range_and_envelope():
    frames = np.full(100, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(100) + 1) * HOP_S
    frames["loudness"] = 0.7
    patch = Patch(
        scene("name: a, source: loudness, to: hue/angle, in: [0.5, 0.9], through: [{power: 2}, {plateau: 0.5}]")
    )
    assert patch.advance(frames, {}, 1.0).values[0] == pytest.approx(1 - 0.5 * 0.25)
    slow = "name: a, source: loudness, to: hue/angle, attack_ms: 100, release_ms: 100, through: [plateau]"
    frames["loudness"][:2] = 0
    found = visit(Patch(scene(slow), start_s=0), frames, frames["time_s"])
    levels = [spec.values[0] for spec in found]
    expected = [0.3 + 0.7 * math.exp(-max(0, i - 1) * HOP_S / 0.1) for i in range(100)]
    assert levels == pytest.approx(expected)


def test_quantised_to_the_beat_a_route_moves_twice_a_second_at_120():
    patch = Patch(scene("name: a, source: loudness, to: hue/angle, through: [{quantise: 1}]"), start_s=0)
    values = [spec.values[0] for spec in visit(patch, steady(4), np.arange(1, 391) / 100)]
    changes = [i for i, (a, b) in enumerate(itertools.pairwise(values), 2) if a != b]
    assert changes == pytest.approx([50 * i for i in range(1, 8)], abs=1)
