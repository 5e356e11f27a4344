"""The motion of prompts in a scene: in time, the same at any picture rate, and never jumping."""

from itertools import pairwise

import numpy as np
import pytest

from analysis import LiveAnalyzer
from engine.prompts import BLENDINGS
from scenes import Patch
from scenes.motion import PROMPT_KINDS
from tests.scenes.moving import BASE, HOPS_PER_S, TIMED, music, scene, visit, weights

PROMPTS = {
    "cues": (TIMED, "{}"),
    "travel": (TIMED, "{kind: travel}"),
    "loop": (BASE, "{kind: loop, bars: 2}"),
    "free loop": (BASE, "{kind: loop, loops_per_minute: 6, blending: lerp}"),
    "mixture": (TIMED, "{kind: mixture}"),
}


def test_every_kind_is_tried_here():
    assert {scene("{}", prompts, base=base).motion.prompts.kind for base, prompts in PROMPTS.values()} == set(
        PROMPT_KINDS
    )


def test_timed_prompts_can_travel_all_the_way():
    specs = visit(Patch(scene("{}", "{kind: travel}", base=TIMED), start_s=0), music(6), np.arange(1, 61) / 10)
    assert weights(specs[4]) == {"two": 1}
    assert weights(specs[19]) == pytest.approx({"two": 2 / 3, "three": 1 / 3})
    assert weights(specs[24]) == pytest.approx({"two": 0.5, "three": 0.5})
    assert weights(specs[55]) == {"three": 1}


def test_a_loop_of_prompts_goes_round_in_its_bars():
    specs = visit(Patch(scene("{}", "{kind: loop, bars: 2}"), start_s=0), music(12), np.arange(1, 601) / 50)
    strongest = [max(spec.prompts, key=lambda part: part[1])[0] for spec in specs]
    changes = [i for i, (a, b) in enumerate(pairwise(strongest)) if a != b]
    assert np.diff(changes[4:]) == pytest.approx(50, abs=2)  # two beats each
    assert set(strongest) == {"one", "two", "three", "four"}


def test_prompts_follow_bands_and_rest_in_silence_on_the_one_cued():
    frames = music(4)
    frames["bands"] = 0
    frames["bands"][HOPS_PER_S:, 5] = 0.9
    patch = Patch(scene("{}", "{kind: mixture, release_ms: 400}"))
    silence, sound = visit(patch, frames, [0.9, 3.9])
    assert weights(silence)["one"] == pytest.approx(1)
    assert weights(sound)["three"] > 0.95


TWELVE = "name: twelve\nprompts: [" + ", ".join(f"{{text: note {i}}}" for i in range(12)) + "]\n"


@pytest.mark.parametrize("chord", [(0,), (9,), (0, 4, 7), (2, 6, 9, 0)])
def test_twelve_prompts_and_noises_follow_the_pitch_classes(chord):
    frames = music(4)
    frames["chroma"] = 0
    for note in chord:
        frames["chroma"][HOPS_PER_S:, note] = 1 / len(chord)
    played = scene("{kind: mixture, by: chroma}", "{kind: mixture, by: chroma, release_ms: 300}", base=TWELVE)
    silence, sound = visit(Patch(played, seed=20), frames, [0.9, 3.9])
    assert weights(silence) == pytest.approx({"note 0": 1})
    heard = weights(sound)
    for note in chord:
        assert heard[f"note {note}"] == pytest.approx(1 / len(chord), abs=0.03)
    path = sound.paths[0][0]
    noises = dict(zip(path.seeds, path.weights, strict=True))
    assert noises[20] < 0.05, "the base rests"
    for note in chord:
        assert noises[21 + note] == pytest.approx(1 / len(chord), abs=0.05)


def test_what_plays_is_heard_as_chroma_and_moves_to_its_prompt():
    t = np.arange(4 * 48_000) / 48_000
    sound = np.where(t < 2, 0.2 * np.sin(2 * np.pi * 440 * t), 0.2 * np.sin(2 * np.pi * 523.25 * t))
    frames = LiveAnalyzer(48_000).process(sound.astype(np.float32))
    patch = Patch(scene("{}", "{kind: mixture, by: chroma, attack_ms: 200, release_ms: 200}", base=TWELVE))
    first, second = visit(patch, frames, [1.9, 3.9])
    assert weights(first)["note 9"] > 0.95
    assert weights(second)["note 0"] > 0.95


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_are_the_same_at_any_picture_rate_and_never_jump(name):
    base, prompts = PROMPTS[name]
    slow = visit(Patch(scene("{}", prompts, base=base), start_s=0), music(5), np.arange(1, 51) / 10)
    fast = visit(Patch(scene("{}", prompts, base=base), start_s=0), music(5), np.arange(1, 301) / 60)
    for a, b in zip(slow, fast[5::6], strict=True):
        assert weights(a) == pytest.approx(weights(b), abs=1e-9)
    for a, b in pairwise(fast):
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.06
    assert all(sum(weights(spec).values()) == pytest.approx(1) for spec in fast)
    assert fast[0].blending in BLENDINGS


@pytest.mark.parametrize("name", PROMPTS)
def test_a_typed_prompt_and_a_cue_fade_in_from_every_kind(name):
    base, prompts = PROMPTS[name]
    patch, frames = Patch(scene("{}", prompts, base=base), start_s=0), music(9, tempo=0)
    specs = visit(patch, frames, np.arange(1, 61) / 60, {"/prompt/next": 0})
    specs += visit(patch, frames, np.arange(60, 180) / 60, {"/prompt/next": 1})
    specs += visit(patch, frames, np.arange(180, 300) / 60, {"/prompt/next": 1, "/prompt": "typed"})
    assert weights(specs[-1]) == {"typed": 1}
    assert patch.prompt == "typed"
    specs += visit(patch, frames, np.arange(300, 420) / 60, {"/prompt/next": 1})
    assert "typed" not in weights(specs[-1])
    for a, b in pairwise(specs):
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.06


@pytest.mark.parametrize("after", PROMPTS)
@pytest.mark.parametrize("before", PROMPTS)
def test_an_edit_of_the_prompts_motion_cross_fades(before, after):
    frames = music(5)
    old, new = (Patch(scene("{}", PROMPTS[n][1], base=PROMPTS[n][0])) for n in (before, after))
    specs = visit(old, frames, np.arange(1, 61) / 30)
    new.carry_over(old)
    specs += visit(new, frames, np.arange(60, 120) / 30)
    for a, b in pairwise(specs):
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.1


def blended(prompts: str, share: float = 0.5) -> tuple[Patch, np.ndarray]:
    """A patch in which that share of the next prompt stands all the time, and what it hears."""
    route = f"routes:\n  - {{name: mix, source: loudness, to: prompt/blend, out: [0, {share}], attack_ms: 0}}\n"
    frames = music(12, tempo=0)
    frames["loudness"] = 1
    return Patch(scene("{}", prompts, route), start_s=0), frames


@pytest.mark.parametrize("prompts", ["{}", "{kind: mixture}"])
def test_the_share_of_the_next_prompt_fades_with_the_prompt_that_is_left(prompts):
    patch, frames = blended(prompts)
    specs = visit(patch, frames, np.arange(1, 61) / 60, {"/prompt/next": 0})
    specs += visit(patch, frames, np.arange(60, 180) / 60, {"/prompt/next": 1})
    if prompts == "{}":
        assert weights(specs[59]) == pytest.approx({"one": 0.5, "two": 0.5})
        assert weights(specs[-1]) == pytest.approx({"two": 0.5, "three": 0.5})
    for a, b in pairwise(specs):
        assert sum(weights(b).values()) == pytest.approx(1)
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.06


def test_a_typed_text_takes_the_place_of_the_next_prompt_too():
    patch, frames = blended("{}", 1.0)
    visit(patch, frames, np.arange(1, 61) / 60)
    specs = visit(patch, frames, np.arange(60, 180) / 60, {"/prompt": "typed"})
    assert weights(specs[-1]) == {"typed": 1}
    specs += visit(patch, frames, np.arange(180, 300) / 60)
    assert weights(specs[-1]) == {"two": 1}
    for a, b in pairwise(specs):
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.06


@pytest.mark.parametrize("after", ["{}", "{kind: mixture}"])
def test_an_edit_keeps_the_share_of_the_next_prompt(after):
    (old, frames), (new, _) = blended("{}"), blended(after)
    specs = visit(old, frames, np.arange(1, 61) / 60)
    new.carry_over(old)
    specs += visit(new, frames, np.arange(60, 180) / 60)
    for a, b in pairwise(specs):
        for text in {**weights(a), **weights(b)}:
            assert abs(weights(a).get(text, 0) - weights(b).get(text, 0)) < 0.06
