"""What a patch makes of frames: the same at any picture rate, nothing missed, everything in range."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME, FEATURES, rest_frame
from scenes import Patch, library, load, loads

HOP_S = 256 / 48_000

TEXT = """\
name: test
seed: 5
prompt_blend_s: 2
prompts:
  - text: one
  - text: two
    at: 3
  - text: three
motion: {noise_turns_per_minute: 2, seeds_per_minute: 3}
bends:
  - {name: hue, operator: channel_rotate, site: latent.end, set: {angle: 0.1}}
  - {name: size, operator: zoom, site: unet.mid}
  - {name: grain, operator: noise, site: unet.up.0}
routes:
  - {name: kick, source: onset_strength, to: hue/angle, mode: hit, out: [0, 1.5]}
  - {name: push, source: onset, to: size/factor, mode: hit, attack_ms: 15, release_ms: 120, out: [0, 0.8]}
  - {name: swell, source: loudness, to: grain/amount, attack_ms: 30, release_ms: 400, curve: log, out: [0, 0.5]}
  - {name: rush, source: loudness, to: noise/rate, out: [0, 20]}
  - {name: hop, source: bands.6, to: seed/rate, out: [0, 30]}
  - {name: lean, curve: square, source: brightness, to: noise/angle, in: [0.2, 0.8], out: [-0.5, 0.5]}
  - {name: breath, source: sway, to: size/factor, period_s: 7, out: [0, 0.3]}
  - {name: other, source: high, to: prompt/blend, out: [0, 0.5]}
  - {name: trail, source: rms, to: feedback/amount, out: [0, 0.4]}
"""


def music(seconds: float, hop_s: float = HOP_S, seed: int = 1) -> np.ndarray:
    """Frames of made-up music: random features, and hits about four times a second."""
    rng = np.random.default_rng(seed)
    n = round(seconds / hop_s)
    frames = np.full(n, rest_frame(), FEATURE_FRAME)
    frames["index"] = np.arange(n)
    frames["time_s"] = (np.arange(n) + 1) * hop_s
    for field in FEATURES:
        shape = (n,) if field.size == 1 else (n, field.size)
        frames[field.name] = field.low + rng.random(shape) * (field.high - field.low)
    hits = rng.random(n) < 4 * hop_s
    frames["onset"] = hits
    frames["onset_strength"] = np.where(hits, 0.3 + 0.7 * rng.random(n), 0)
    frames["silent"] = 0
    return frames


def visit(patch: Patch, frames: np.ndarray, times, control=None) -> list:
    """Advance at every time, handing over what was heard since the time before."""
    specs, done = [], 0
    for time_s in times:
        upto = int(np.searchsorted(frames["time_s"], time_s + 1e-12, side="right"))
        specs.append(patch.advance(frames[done:upto], control or {}, float(time_s)))
        done = upto
    return specs


def flat(spec) -> list[float]:
    return [
        *spec.values,
        spec.angle % math.tau,
        spec.seed + spec.seed_blend,
        spec.feedback,
        *(w for _, w in spec.prompts),
    ]


def scenes_and_test():
    return {"test": loads(TEXT), **{name: load(name) for name in library()}}


@pytest.mark.parametrize("name", ["test", *library()])
def test_values_do_not_depend_on_the_picture_rate(name):
    scene, frames = scenes_and_test()[name], music(6)
    slow = visit(Patch(scene, start_s=0), frames, np.arange(1, 61) / 10)
    fast = visit(Patch(scene, start_s=0), frames, np.arange(1, 361) / 60)
    for i, spec in enumerate(slow):
        other = fast[6 * i + 5]
        assert [t for t, _ in spec.prompts] == [t for t, _ in other.prompts]
        assert flat(spec) == pytest.approx(flat(other), abs=1e-9)
    assert len({spec.values for spec in fast}) > 300


def test_values_do_not_depend_on_the_hop_size():
    scene = loads(TEXT)
    coarse = music(4, 0.01)
    fine = np.repeat(coarse, 2)
    fine["time_s"] = (np.arange(len(fine)) + 1) * 0.005
    for name in ("onset", "onset_strength"):
        fine[name][0::2] = 0  # reported in the hop that ends at the same moment
    times = np.arange(1, 41) / 10
    for a, b in zip(
        visit(Patch(scene, start_s=0), coarse, times), visit(Patch(scene, start_s=0), fine, times), strict=True
    ):
        assert a.values == pytest.approx(b.values, abs=1e-9)
        assert a.feedback == pytest.approx(b.feedback, abs=1e-9)


def test_an_onset_between_two_pictures_is_not_missed():
    scene = loads(TEXT)
    frames = np.full(400, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(400) + 1) * HOP_S
    quiet = visit(Patch(scene, start_s=0), frames, [1.0, 1.04])
    for hop in range(190, 195):
        hit = frames.copy()
        hit["onset"][hop], hit["onset_strength"][hop] = 1, 1
        spec = visit(Patch(scene, start_s=0), hit, [1.0, 1.04])[1]
        assert spec.values[0] == pytest.approx(quiet[1].values[0] + 1.5)


def test_equal_inputs_give_equal_specs_and_another_seed_another_noise():
    scene, frames, times = loads(TEXT), music(3), np.arange(1, 60) / 20
    first, again = visit(Patch(scene), frames, times), visit(Patch(scene), frames, times)
    assert first == again
    assert visit(Patch(scene, seed=9), frames, times)[0].seed == 9
    assert visit(Patch(scene, seed=9), frames, times, {"/seed": 12})[0].seed == 12
    assert first[0].seed == 5


@pytest.mark.parametrize("name", ["test", *library()])
def test_values_are_finite_and_in_range_whatever_is_heard_and_asked_for(name):
    scene = scenes_and_test()[name]
    frames = music(1)
    for field in FEATURES:
        frames[field.name][::3] = np.nan
        frames[field.name][1::5] = np.inf
        frames[field.name][2::7] = -1e30
    frames["time_s"][50] = np.nan
    frames["time_s"][60:70] = 0
    patch = Patch(scene)
    wild = [math.nan, math.inf, -1e9, 1e9, "x", True, None]
    for i, time_s in enumerate((0.2, 0.5, 0.4, 1.0, 1.0, 9.0, 10.0)):
        control = dict.fromkeys(patch.parameters, wild[i])
        spec = patch.advance(frames[i * 20 : i * 20 + 20], control, time_s)
        for value, (_, parameter) in zip(spec.values, spec.plan.slots, strict=True):
            assert math.isfinite(value)
            assert parameter.low <= value <= parameter.high
        assert all(map(math.isfinite, flat(spec)))
        assert 1 <= spec.steps <= 8
        assert 0 <= spec.feedback <= 0.95
        assert spec.seed >= 0
        assert sum(w for _, w in spec.prompts) == pytest.approx(1)


def test_full_intensity_and_hits_stay_in_range():
    for name, scene in scenes_and_test().items():
        patch = Patch(scene)
        control = {address: p.high for address, p in patch.parameters.items() if p.kind == "float"}
        for spec in visit(patch, music(2), np.arange(1, 40) / 20, control):
            for value, (address, parameter) in zip(spec.values, spec.plan.slots, strict=True):
                assert parameter.low <= value <= parameter.high, (name, address)


@pytest.mark.parametrize("name", ["test", *library()])
def test_silence_drifts_and_never_stands_still(name):
    scene = scenes_and_test()[name]
    frames = np.full(2000, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(2000) + 1) * HOP_S
    specs = visit(Patch(scene), frames, np.arange(1, 200) / 20)
    steps = [abs(b.angle - a.angle) for a, b in itertools.pairwise(specs)]
    assert min(steps) > 1e-4
    assert max(min(s, math.tau - s) for s in steps) < 0.1


def test_motion_goes_on_without_frames_and_envelopes_stay():
    patch, frames = Patch(loads(TEXT)), music(1)
    first = patch.advance(frames, {}, 1.0)
    later = patch.advance(frames[:0], {}, 1.5)
    assert later.angle != first.angle
    assert later.values[0] == first.values[0]


def test_rates_are_summed_up_so_that_the_walk_never_jumps():
    scene = loads(TEXT.replace("to: noise/angle", "to: grain/amount"))
    specs = visit(Patch(scene, start_s=0), music(6), np.arange(1, 361) / 60)
    angles = [spec.paths[0][0].turns * math.tau if spec.paths else spec.angle for spec in specs]
    steps = [(b - a) % math.tau for a, b in itertools.pairwise(angles)]
    fastest = (2 + 20) / 60 * math.tau / 60
    assert 0 < min(steps) <= max(steps) <= fastest + 1e-9


def test_routes_turned_down_leave_the_resting_values():
    frames, times = music(2), np.arange(1, 40) / 20
    for scene in scenes_and_test().values():
        rest = tuple(entry.resting(p) for entry in scene.bends for p in entry.parameters)
        patch = Patch(scene)
        amounts = {address: 0.0 for address in patch.parameters if address.startswith("/route/")}
        assert {spec.values for spec in visit(patch, frames, times, amounts)} == {rest}
        assert {spec.values for spec in visit(Patch(scene), frames, times, {"/intensity": 0})} == {rest}


def test_a_controls_value_replaces_the_resting_one_and_routes_still_add():
    scene, frames = loads(TEXT), music(1)
    plain = Patch(scene).advance(frames, {}, 1.0)
    moved = Patch(scene).advance(frames, {"/bend/hue/angle": -0.4, "/bend/size/mix": 0.25}, 1.0)
    assert moved.values[0] == pytest.approx(plain.values[0] - 0.5)
    assert moved.values[3] == 0.25


def test_every_parameter_of_a_scene_is_declared_with_its_resting_value():
    patch = Patch(loads(TEXT))
    assert patch.parameters["/bend/hue/angle"].default == 0.1
    assert patch.parameters["/route/kick/amount"].high == 2
    assert {a for a in patch.parameters if a.startswith("/bend/")} == {f"/bend/{a}" for a, _ in patch.plan.slots}
    for parameter in patch.parameters.values():
        if parameter.kind != "trigger":
            assert parameter.parse(parameter.default) == parameter.default


def test_timed_prompts_cross_fade_at_their_time():
    patch, none = Patch(loads(TEXT.replace("to: prompt/blend", "to: grain/mix"))), np.zeros(0, FEATURE_FRAME)
    assert patch.advance(none, {}, 0.0).prompts == (("one", 1.0),)
    assert patch.advance(none, {}, 2.99).prompts == (("one", 1.0),)
    half = dict(patch.advance(none, {}, 4.0).prompts)
    assert half == pytest.approx({"one": 0.5, "two": 0.5})
    assert patch.advance(none, {}, 5.0).prompts == (("two", 1.0),)


def test_prompts_come_on_cue_and_a_typed_one_goes_before():
    patch, none = Patch(loads(TEXT), start_s=0), np.zeros(0, FEATURE_FRAME)

    def prompts(time_s, **control):
        return dict(patch.advance(none, {k.replace("_", "/"): v for k, v in control.items()}, time_s).prompts)

    assert prompts(0, _prompt_index=0, _prompt_next=4) == {"one": 1}
    assert set(prompts(0.5, _prompt_index=0, _prompt_next=5)) == {"one"}
    assert set(prompts(1.5, _prompt_index=0, _prompt_next=5)) == {"one", "two"}
    assert prompts(2.5, _prompt_index=0, _prompt_next=5) == {"two": 1}
    assert prompts(2.6, _prompt_index=2) == {"two": 1}
    assert prompts(5.0, _prompt_index=2) == pytest.approx({"two": 1})  # at 3 s the timed one came back
    assert set(prompts(5.05, _prompt_index=2, _prompt="a typed one")) == {"two"}
    assert prompts(7.1, _prompt_index=2, _prompt="a typed one") == {"a typed one": 1}
    assert prompts(7.2, _prompt_index=4, _prompt="a typed one") == {"a typed one": 1}
    prompts(7.3, _prompt_index=5)
    assert prompts(9.4, _prompt_index=5) == {"three": 1}


def test_a_cue_in_the_middle_of_a_fade_does_not_jump():
    patch, none = Patch(loads(TEXT), start_s=0), np.zeros(0, FEATURE_FRAME)
    patch.advance(none, {}, 4.0)
    before = dict(patch.advance(none, {}, 4.1).prompts)
    after = dict(patch.advance(none, {"/prompt/index": 2}, 4.1).prompts)
    assert after == pytest.approx({**before, **{t: 0 for t in after if t not in before}}, abs=1e-9)


def test_an_edited_scene_goes_on_where_the_old_one_stood():
    frames = music(2)
    old = Patch(loads(TEXT))
    last = old.advance(frames, {}, 2.0)
    new = Patch(loads(TEXT.replace("angle: 0.1", "angle: 0.3")))
    new.carry_over(old)
    spec = new.advance(frames[:0], {}, 2.0)
    assert spec.angle == pytest.approx(last.angle)
    assert new.levels["swell"] == old.levels["swell"]


def test_an_edited_scene_keeps_its_prompt_and_fades_to_its_new_wording():
    none, control = np.zeros(0, FEATURE_FRAME), {"/prompt/index": 2}
    old = Patch(loads(TEXT), start_s=0)
    for time_s in (0.0, 4.0, 4.5):
        old.advance(none, control if time_s > 4 else {}, time_s)
    assert old.advance(none, control, 7.0).prompts == (("three", 1.0),)
    same, new = Patch(loads(TEXT)), Patch(loads(TEXT.replace("text: three", "text: four")))
    same.carry_over(old)
    new.carry_over(old)
    assert same.advance(none, control, 7.1).prompts == (("three", 1.0),)
    assert set(dict(new.advance(none, control, 8.0).prompts)) == {"three", "four"}
    assert new.advance(none, control, 9.5).prompts == (("four", 1.0),)


def test_importing_scenes_brings_in_neither_torch_nor_aubio():
    code = (
        "import sys, scenes; sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'aubio', 'pygame', 'av')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_motion_and_envelopes_go_on_when_the_stream_clock_begins_again():
    scene = load("pulse")
    patch = Patch(scene)
    late = np.zeros(200, FEATURE_FRAME)
    late["time_s"] = 50 + HOP_S * np.arange(1, 201)
    before = patch.advance(late, {}, float(late["time_s"][-1]))
    again = np.zeros(200, FEATURE_FRAME)
    again["time_s"] = HOP_S * np.arange(1, 201)
    again["onset_strength"][199] = 1
    after = patch.advance(again, {}, float(again["time_s"][-1]))
    assert 0 < after.angle - before.angle < 0.1, "it moves, and does not jump"
    assert after.values != before.values, "a hit is felt"


def test_routes_move_strength_and_guidance_and_performers_too():
    text = TEXT.replace(
        "routes:\n",
        """routes:
  - {name: anew, source: onset_strength, to: strength/amount, mode: hit, hold_ms: 0, release_ms: 100, out: [0, 0.6]}
  - {name: pull, source: loudness, to: guidance/scale, attack_ms: 0, out: [0, 4]}
""",
    ).replace("motion:", "strength: 0.3\nmotion:")
    scene, frames = loads(text), np.full(400, rest_frame(), FEATURE_FRAME)
    frames["time_s"] = (np.arange(400) + 1) * HOP_S
    frames["onset_strength"][100] = 1
    frames["loudness"] = 0.5
    patch = Patch(scene, start_s=0)
    found = visit(patch, frames, frames["time_s"])
    strengths = [spec.strength for spec in found]
    assert strengths[50] == pytest.approx(0.3)
    assert max(strengths) == pytest.approx(0.9, abs=0.05)
    assert strengths.index(max(strengths)) in (100, 101)
    assert strengths[-1] == pytest.approx(0.3, abs=0.01)
    assert found[-1].guidance == pytest.approx(scene.guidance + 2, abs=0.05)
    moved = patch.advance(frames[:0], {"/strength": 1.0, "/guidance": 20.0}, 3.0)
    assert (moved.strength, moved.guidance) == (1.0, 20.0)
    assert not moved.wants_previous or moved.feedback > 0
    assert all(spec.wants_previous for spec in found)
