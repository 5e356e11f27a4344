"""Envelopes, curves and ranges."""

import itertools
import math

import numpy as np
import pytest

from scenes.modulation import Follower, Hit, shape, span, sway, to_unit
from scenes.schema import CURVES

ENVELOPES = {
    "follower": lambda: Follower(0.03, 0.2),
    "follower at once": lambda: Follower(0.0, 0.0),
    "hit": lambda: Hit(0.0, 0.05, 0.25),
    "hit without hold": lambda: Hit(0.0, 0.0, 0.25),
    "hit with attack": lambda: Hit(0.02, 0.05, 0.25),
    "hit with attack as long as its release": lambda: Hit(0.1, 0.03, 0.1),
    "hit that falls at once": lambda: Hit(0.02, 0.03, 0.0),
}


@pytest.mark.parametrize("make", ENVELOPES.values(), ids=list(ENVELOPES))
def test_hop_size_does_not_change_an_envelope(make):
    coarse, fine = make(), make()
    for value in (0.0, 0.9, 0.0, 0.0, 0.4, 0.7, 0.0, 0.0):
        coarse.step(value, 0.016)
        # A hit is known at the end of its hop, so that the silent part comes first.
        for part in [0.0, 0.0, 0.0, value] if isinstance(coarse, Hit) else [value] * 4:
            fine.step(part, 0.004)
        assert fine.level == pytest.approx(coarse.level, abs=1e-12)


def test_follower_covers_63_percent_in_one_time_constant():
    envelope = Follower(0.1, 0.4)
    assert envelope.step(1.0, 0.1) == pytest.approx(1 - math.exp(-1))
    envelope.level = 1.0
    assert envelope.step(0.0, 0.4) == pytest.approx(math.exp(-1))


def test_hit_stands_whole_for_its_hold_then_falls_with_its_release():
    envelope = Hit(0.0, 0.05, 0.2)
    envelope.step(0.8, 0.005)
    assert envelope.step(0.0, 0.05) == pytest.approx(0.8)
    assert envelope.step(0.0, 0.2) == pytest.approx(0.8 * math.exp(-1))


def test_hit_with_attack_agrees_with_small_steps_of_its_differential_equation():
    attack, hold, release, dt = 0.03, 0.05, 0.2, 1e-5
    envelope = Hit(attack, hold, release)
    envelope.step(1.0, 0.005)
    envelope.step(0.0, 0.12)
    level = 0.0
    for i in range(round(0.12 / dt)):
        peak = 1.0 if i * dt < hold else math.exp(-(i * dt - hold) / release)
        level += (peak - level) * dt / attack
    assert envelope.level == pytest.approx(level, abs=1e-3)


@pytest.mark.parametrize("make", ENVELOPES.values(), ids=list(ENVELOPES))
def test_envelopes_stay_in_0_to_1_and_fall_to_rest(make):
    envelope = make()
    rng = np.random.default_rng(3)
    levels = [envelope.step(value, dt) for value, dt in zip(rng.random(2000), rng.random(2000) * 0.02, strict=True)]
    assert 0 <= min(levels) <= max(levels) <= 1
    for _ in range(1000):
        envelope.step(0.0, 0.01)
    assert envelope.level < 1e-9


@pytest.mark.parametrize("curve", [*CURVES, 0.1, 0.7, 3, 10])
def test_curves_keep_the_ends_and_rise(curve):
    assert shape(0.0, curve) == 0
    assert shape(1.0, curve) == pytest.approx(1)
    values = [shape(x, curve) for x in np.linspace(-0.5, 1.5, 101)]
    assert all(b >= a for a, b in itertools.pairwise(values))
    assert min(values) >= 0
    assert max(values) <= 1 + 1e-12


def test_log_and_exp_undo_each_other():
    for x in np.linspace(0, 1, 11):
        assert shape(shape(x, "log"), "exp") == pytest.approx(x)


def test_ranges_map_clip_and_turn_about():
    values = np.array([-1.0, 0.2, 0.5, 9.0])
    np.testing.assert_allclose(to_unit(values, (0.2, 0.8)), [0, 0, 0.5, 1])
    np.testing.assert_allclose(to_unit(values, (0.8, 0.2)), [1, 1, 0.5, 0])
    assert span(0.25, (-2.0, 2.0)) == -1


def test_sway_rises_from_0_to_1_and_back_in_a_period():
    assert [sway(t, 8.0) for t in (0, 2, 4, 6, 8)] == pytest.approx([0, 0.5, 1, 0.5, 0])
