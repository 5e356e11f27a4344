"""A scene that is edited while it plays: the noise goes on without a jump."""

import numpy as np
import pytest

from engine.noise import NoiseBank
from scenes import Patch, loads
from tests.scenes.moving import BASE, NOISES, largest_stride, music, scene, started, visit


@pytest.mark.parametrize("after", NOISES)
@pytest.mark.parametrize("before", ["walk", "mixture"])
def test_an_edit_that_sends_the_noise_another_way_cross_fades(before, after):
    frames, bank = music(4), NoiseBank(limit=400)
    old, new = Patch(scene(NOISES[before])), Patch(scene(NOISES[after]))
    first = visit(old, frames, np.arange(1, 61) / 60)
    new.carry_over(old)
    second = visit(new, frames, np.arange(60, 200) / 60)
    noises = started([*first, *second], bank)
    assert largest_stride(noises) < 0.15
    assert len(second[-1].paths) <= 1, "what was left is gone"


def test_an_edit_in_the_middle_of_a_cross_fade_does_not_jump_either():
    frames, patch, specs, done = music(5), None, [], 0
    for i, name in enumerate(("walk", "spline", "layers", "rotation", "walk")):
        after = Patch(scene(NOISES[name]))
        if patch is not None:
            after.carry_over(patch)
        patch = after
        specs += visit(patch, frames, np.arange(done + 1, done + 25) / 60)
        done += 24
        assert len(specs[-1].paths) == (0 if i == 0 else i + 1)
    assert largest_stride(started(specs)) < 0.12


def test_an_edit_of_speed_alone_goes_on_where_it_stands():
    frames = music(4)
    for noise in ("{}", NOISES["slerp"], NOISES["drift"], NOISES["layers"]):
        old = Patch(scene(noise))
        last = visit(old, frames, [1.0, 2.0])[-1]
        new = Patch(loads(scene_text(noise).replace("noise_turns_per_minute: 4", "noise_turns_per_minute: 9")))
        new.carry_over(old)
        spec = visit(new, frames, [2.0])[0]
        assert len(spec.paths) == len(last.paths)
        np.testing.assert_allclose(started([spec]), started([last]), atol=1e-5)


def scene_text(noise: str) -> str:
    return f"{BASE}motion: {{noise_turns_per_minute: 4, noise: {noise}}}\n"


def test_an_edited_amount_goes_to_its_new_place_without_a_jump():
    frames = music(6)
    old, new = Patch(scene("{still: 0.9}")), Patch(scene("{still: 0.1}"))
    first = visit(old, frames, np.arange(1, 61) / 60)
    new.carry_over(old)
    second = visit(new, frames, np.arange(60, 240) / 60)
    assert largest_stride(started([*first, *second])) < 0.05
    assert second[-1].still == pytest.approx(0.1)


def test_an_edit_cross_fades_from_the_seed_that_is_played():
    frames, control, bank = music(4), {"/seed": 99}, NoiseBank(limit=400)
    old, new = Patch(scene(NOISES["spline"])), Patch(scene(NOISES["slerp"]))
    first = visit(old, frames, np.arange(1, 61) / 60, control)
    new.carry_over(old)
    second = visit(new, frames, np.arange(60, 200) / 60, control)
    assert largest_stride(started([*first, *second], bank)) < 0.15
