"""The motion of noise in a scene: smooth, in time, the same at any picture rate, and never jumping."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from bentlight.errors import BadScene
from engine.noise import fixed_noise
from scenes import Patch, loads
from scenes.motion import AMOUNTS, NOISE_KINDS
from tests.scenes.moving import (
    BASE,
    HOPS_PER_S,
    NOISES,
    SHAPE,
    TIMED,
    largest_stride,
    music,
    scene,
    started,
    visit,
    weights,
)


def place(spec) -> tuple[float, ...]:
    """Seeds, blend and angle of a walk, however the spec says it."""
    if not spec.paths:
        return spec.seed, spec.seed_to, spec.seed_blend, spec.angle
    ((path, _),) = spec.paths
    return *path.seeds, path.blend, 2 * np.pi * path.turns


def test_every_kind_is_tried_here():
    assert {scene(noise).motion.noise.kind for noise in NOISES.values()} == set(NOISE_KINDS)


def test_a_scene_without_a_kind_moves_as_it_always_did():
    patch = Patch(
        loads("""\
name: plain
seed: 5
prompts: [{text: one}, {text: two, at: 1}]
prompt_blend_s: 2
motion: {noise_turns_per_minute: 2, seeds_per_minute: 20}
routes:
  - {name: rush, source: loudness, to: noise/rate, out: [0, 20]}
  - {name: lean, source: brightness, to: noise/angle, out: [-0.5, 0.5]}
  - {name: hop, source: low, to: seed/rate, out: [0, 30]}
""")
    )
    frames = music(6, tempo=0)
    times = frames["time_s"]
    frames["loudness"] = 0.5 + 0.5 * np.sin(times)
    frames["brightness"] = 0.5 + 0.4 * np.cos(3 * times)
    frames["low"] = np.where(times % 1 < 0.1, 0.8, 0.1)
    specs = visit(patch, frames, np.arange(1, 11) * 0.5 + 0.01)
    moved = [(*place(s), weights(s).get("two", 0)) for s in specs]
    expected = [
        (5, 6, 0.27586323, 0.92671667, 0),
        (5, 6, 0.47674242, 1.43775143, 1.053e-05),
        (5, 6, 0.75596814, 2.73104149, 0.15836464),
        (5, 6, 0.95691012, 4.35362359, 0.50281249),
        (6, 7, 0.23613619, 5.32561271, 0.84585409),
        (6, 7, 0.43707818, 5.75546169, 1.0),
        (6, 7, 0.71630424, 0.14159603, 1.0),
        (6, 7, 0.91724623, 1.093235, 1.0),
        (7, 8, 0.19847624, 1.32132902, 1.0),
        (7, 8, 0.39968967, 0.99765836, 1.0),
    ]
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-6)
    assert all(s.still == 0 and s.pulls == () and s.blending == "slerp" for s in specs)
    assert {s.seed for s in specs} == {5}, "what belongs to the seed alone does not change from seed to seed"


@pytest.mark.parametrize("name", NOISES)
def test_the_noise_is_the_same_at_any_picture_rate(name):
    frames = music(3)
    slow = visit(Patch(scene(NOISES[name], base=TIMED), start_s=0), frames, np.arange(1, 31) / 10)
    fast = visit(Patch(scene(NOISES[name], base=TIMED), start_s=0), frames, np.arange(1, 181) / 60)
    np.testing.assert_allclose(started(slow), started(fast[5::6]), atol=1e-5)


@pytest.mark.parametrize("name", NOISES)
def test_the_noise_is_smooth_moves_and_keeps_unit_variance(name):
    specs = visit(Patch(scene(NOISES[name], base=TIMED)), music(4), np.arange(1, 241) / 60)
    noises = started(specs)
    assert largest_stride(noises) < 0.12
    assert np.sqrt(np.mean((noises[-1] - noises[0]) ** 2)) > 0.1
    loose = 0.25 if name == "perlin" else 0.12
    assert all(noise.std() == pytest.approx(1, abs=loose) for noise in noises)


@pytest.mark.parametrize("name", NOISES)
def test_equal_sound_gives_equal_noise_and_json_keeps_it(name):
    one, other = (visit(Patch(scene(NOISES[name])), music(2), np.arange(1, 21) / 10) for _ in range(2))
    assert one == other
    for spec in one:
        plain = asdict(spec)
        assert json.loads(json.dumps(plain)).keys() == plain.keys()


@pytest.mark.parametrize("name", ["slerp", "spline", "rotation", "perlin", "walk in bars"])
def test_a_turn_lasts_its_bars_while_a_tempo_is_heard(name):
    played = scene(NOISES[name])
    beats = 4 * played.motion.noise.bars
    specs = visit(Patch(played, start_s=0), music(10), np.arange(1, 301) / 30)

    def turns(spec):
        return spec.paths[0][0].turns if spec.paths else spec.angle / math.tau

    run = np.unwrap([turns(spec) for spec in specs], period=1)
    assert run[-1] - run[-121] == pytest.approx(4 * 2 / beats, rel=0.02)
    heard = 0.3 + np.array([spec.time_s for spec in specs]) * 2
    off = (run * beats - heard + 0.5) % 1 - 0.5
    assert np.abs(off[150:]).max() < 0.03
    free = visit(Patch(scene(NOISES[name]), start_s=0), music(4, tempo=0), np.arange(1, 41) / 10)
    run = np.unwrap([turns(spec) for spec in free], period=1)
    assert run[-1] - run[0] == pytest.approx(4 / 60 * 3.9, rel=0.01)


def test_tempo_that_comes_and_goes_makes_no_jump():
    frames = music(12)
    frames["tempo"] = np.where((frames["time_s"] > 3) & (frames["time_s"] < 6), 0, frames["tempo"])
    frames["tempo"][frames["time_s"] > 9] = 150
    noises = started(visit(Patch(scene(NOISES["slerp"])), frames, np.arange(1, 721) / 60))
    assert largest_stride(noises) < 0.07


def test_an_arc_swings_and_never_leaves_its_part_of_the_circle():
    specs = visit(Patch(scene("{arc: 0.2}"), start_s=0), music(30), np.arange(1, 601) / 20)
    angles = np.array([spec.angle for spec in specs])
    assert angles.min() >= 0
    assert angles.max() == pytest.approx(0.2 * math.tau, rel=1e-3)
    assert np.abs(np.diff(angles)).max() < 0.03


def test_a_hit_pulls_the_noise_to_its_anchor_and_lets_it_go():
    frames = music(3)
    frames["onset_strength"][HOPS_PER_S] = 1  # just after 1 s
    more = "routes: [{name: kick, source: onset_strength, to: noise/pull, mode: hit, out: [0, 1]}]\n"
    patch = Patch(scene("{kind: spline, anchors: [77]}", more=more))
    specs = visit(patch, frames, np.array([0.95, 1.02, 1.3, 2.9]))
    amounts = [dict(spec.pulls).get(77, 0.0) for spec in specs]
    assert amounts[0] == 0
    assert amounts[1] == 1
    assert 0 < amounts[2] < 0.5
    assert amounts[3] < 0.01
    np.testing.assert_allclose(started(specs)[1], fixed_noise(77, SHAPE), atol=1e-5)


def test_two_anchors_are_pulled_to_apart():
    more = (
        "routes:\n"
        "  - {name: low, source: bands.0, to: noise/pull, out: [0, 0.666]}\n"
        "  - {name: top, source: bands.7, to: noise/pull2, out: [0, 0.666]}\n"
    )
    frames = music(2)
    frames["bands"] = 0
    frames["bands"][:, 7] = 1
    spec = visit(Patch(scene("{anchors: [77, 78]}", more=more)), frames, [1.9])[0]
    assert spec.pulls == ((78, pytest.approx(0.666, abs=1e-3)),)


def test_a_performer_moves_what_the_kind_has_and_routes_still_add():
    patch = Patch(scene("{kind: perlin, grain: 0.2}"))
    assert patch.parameters["/noise/grain"].default == 0.2
    assert "/noise/spread" not in patch.parameters
    spec = patch.advance(music(1), {"/noise/grain": 0.9, "/noise/still": 0.5}, 1.0)
    assert spec.paths[0][0].grain == 0.9
    assert spec.still == 0.5


@pytest.mark.parametrize("target", AMOUNTS)
def test_each_amount_can_be_routed_where_it_means_something(target):
    kind = {"noise/spread": "rotation", "noise/tilt": "rotation", "noise/grain": "perlin", "noise/fast": "layers"}
    more = f"routes: [{{name: a, source: loudness, to: {target}, attack_ms: 0, out: [0, 0.4]}}]\n"
    played = scene(f"{{kind: {kind.get(target, 'walk')}, anchors: [7, 8]}}", more=more)
    quiet, loud = music(1), music(1)
    loud["loudness"] = 1
    quiet_spec, loud_spec = (visit(Patch(played), frames, [1.0])[0] for frames in (quiet, loud))
    assert largest_stride(started([quiet_spec, loud_spec])) > 0.05


def test_a_mixture_goes_to_the_seed_of_the_band_that_sounds_and_rests_in_silence():
    frames = music(4)
    frames["bands"] = 0
    frames["bands"][HOPS_PER_S:, 3] = 0.9
    played = scene("{kind: mixture, release_ms: 400, seeds: [10, 11, 12, 13, 14, 15, 16, 17]}")
    silence, sound = visit(Patch(played), frames, [0.9, 3.9])
    parts = [dict(zip(s.paths[0][0].seeds, s.paths[0][0].weights, strict=True)) for s in (silence, sound)]
    assert parts[0][5] == pytest.approx(1)
    assert parts[1][13] > 0.95


def test_sections_go_to_their_own_seed_on_cue():
    patch = Patch(scene("{kind: sections, seeds: [3, 9], fade_s: 2}", base=TIMED), start_s=0)
    specs = visit(patch, music(8), np.arange(1, 81) / 10)
    parts = [dict(zip(s.paths[0][0].seeds, s.paths[0][0].weights, strict=True)) for s in specs]
    assert parts[5] == {3: 1}
    assert parts[19] == pytest.approx({3: 0.5, 9: 0.5})  # half way, a second after the prompt at 1 s
    assert parts[35] == {9: 1}
    assert parts[70] == {3: 1}


REFUSED = [
    ("{kind: splin}", "{}", "did you mean spline?"),
    ("{kind: walk, cells: 3}", "{}", "kind walk has no 'cells'; it has anchors, arc, bars, still."),
    ("{kind: perlin, cels: 3}", "{}", "did you mean cells?"),
    ("{kind: slerp, seeds: 1}", "{}", "2 to 32"),
    ("{kind: slerp, seeds: [1, -2]}", "{}", "neither a number of seeds nor a list"),
    ("{kind: slerp, seeds: many}", "{}", "neither a number of seeds nor a list"),
    ("{kind: slerp, bars: 0}", "{}", "0.25"),
    ("{kind: layers, mask: star}", "{}", "no mask 'star'"),
    ("{kind: mixture, by: loudness}", "{}", "no feature of several values 'loudness'; there are bands"),
    ("{kind: mixture, seeds: 9}", "{}", "bands has 8 values; give no more seeds"),
    ("{anchors: [1, 2, 3]}", "{}", "at most 2"),
    ("{kind: sections}", "{kind: loop}", "kind sections follows cues"),
    ("{}", "{kind: jump}", "no kind of prompt motion 'jump'"),
    ("{}", "{kind: travel}", "at least two prompts with `at`"),
    ("{}", "{kind: cues, bars: 2}", "kind cues has no 'bars'; it has blending."),
    ("{}", "{blending: cubic}", "no blending 'cubic'"),
]


@pytest.mark.parametrize(("noise", "prompts", "reason"), REFUSED)
def test_motion_that_means_nothing_is_refused_with_its_line(noise, prompts, reason):
    text = f"{BASE}motion:\n  noise: {noise}\n  prompts: {prompts}\n"
    with pytest.raises(BadScene) as caught:
        loads(text)
    assert reason in caught.value.reason
    assert caught.value.line == (6 if prompts == "{}" else 7)


@pytest.mark.parametrize(
    ("noise", "prompts", "target", "reason"),
    [
        ("{kind: walk}", "{}", "noise/spread", "noise/spread moves nothing with motion: noise: kind walk"),
        ("{kind: walk}", "{}", "noise/pull", "needs an anchor"),
        ("{anchors: [1]}", "{}", "noise/pull2", "needs two anchors"),
        ("{kind: drift}", "{}", "seed/rate", "seeds of its own"),
        ("{}", "{kind: loop}", "prompt/blend", "moves nothing with motion: prompts: kind loop"),
    ],
)
def test_a_route_to_what_does_not_move_is_refused(noise, prompts, target, reason):
    with pytest.raises(BadScene) as caught:
        scene(noise, prompts, f"routes: [{{name: a, source: rms, to: {target}}}]\n")
    assert reason in caught.value.reason


def test_seeds_and_times_that_do_not_fit_the_kind_are_refused():
    with pytest.raises(BadScene, match="seeds of its own"):
        loads(f"{BASE}motion: {{seeds_per_minute: 1, noise: {{kind: slerp}}}}\n")
    with pytest.raises(BadScene, match="leave `at` out"):
        scene("{}", "{kind: loop}", base=TIMED)


@pytest.mark.parametrize("still", [0.5, 1.0])
def test_what_stands_still_does_so_from_seed_to_seed(still):
    patch = Patch(
        loads(
            "name: plain\nprompts: [{text: one}]\n"
            f"motion: {{noise_turns_per_minute: 1, seeds_per_minute: 30, noise: {{still: {still}}}}}\n"
        )
    )
    frames = music(6, tempo=0)
    noises = started(visit(patch, frames, np.arange(1, 120) * 0.05))
    assert largest_stride(noises) < (0.2 if still < 1 else 1e-6)


def test_a_scene_in_sections_begins_in_that_of_its_first_prompt_and_may_lose_some_by_an_edit():
    text = "name: parts\nseed: 10\nprompts: [{prompts}]\nmotion: {{noise: {{kind: sections}}}}\n"
    late = Patch(loads(text.format(prompts="{text: a}, {text: b, at: 0}")), start_s=0)
    none = np.zeros(0, FEATURE_FRAME)
    assert late.advance(none, {}, 0.0).paths[0][0].seeds == (11,)
    four = Patch(loads(text.format(prompts="{text: a}, {text: b}, {text: c}, {text: d}")))
    four.advance(none, {}, 0.0)
    four.advance(none, {"/prompt/index": 3}, 1.0)
    two = Patch(loads(text.format(prompts="{text: a}, {text: b}")))
    two.carry_over(four)
    assert set(two.advance(none, {"/prompt/index": 3}, 30.0).paths[0][0].seeds) <= {10, 11}


def test_in_travel_a_prompt_is_gone_to_by_its_own_index():
    patch = Patch(
        loads(
            "name: way\n"
            "prompts: [{text: spare}, {text: a, at: 0}, {text: b, at: 10}, {text: c, at: 20}, {text: d, at: 30}]\n"
            "prompt_blend_s: 0.1\nmotion: {prompts: {kind: travel, blending: slerp}}\n"
        ),
        start_s=0,
    )
    none, time_s = np.zeros(0, FEATURE_FRAME), 20.0

    def cued(count, **control):
        nonlocal time_s
        for _ in range(2):
            spec = patch.advance(none, {"/prompt/chosen": count, **control}, time_s)
            time_s += 0.15
        return max(weights(spec), key=weights(spec).get)

    assert cued(0, **{"/prompt/index": 0}) == "c"
    assert [cued(1, **{"/prompt/index": 1}), cued(2, **{"/prompt/index": 4}), cued(3, **{"/prompt/index": 2})] == list(
        "adb"
    )
    assert [cued(3, **{"/prompt/index": 2, "/prompt/next": n}) for n in range(4)] == list("bcda")
