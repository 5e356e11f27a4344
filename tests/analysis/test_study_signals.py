"""Signals of a whole track: formulas, ends, and that the rate does not matter."""

import math

import numpy as np
import pytest

from analysis.study import signals
from bentlight.errors import BadInput

pytest.importorskip("scipy")

RNG = np.random.default_rng(3)


def test_norm_maps_the_ends_and_a_constant_to_the_lower():
    found = signals.norm(np.array([2.0, 3.0, 6.0]), 1, 3)
    assert found.tolist() == [1, 1.5, 3]
    assert signals.norm(np.full(4, 7.0), 0.4, 1.2).tolist() == [0.4] * 4


def test_rows_sum_to_one_and_an_empty_row_is_shared_out():
    rows = RNG.random((20, 12))
    rows[5] = 0
    found = signals.rows_to_one(rows)
    assert found.sum(axis=1) == pytest.approx(np.ones(20))
    assert found[5].tolist() == [1 / 12] * 12


def test_a_moving_average_has_covered_63_percent_after_its_time_constant():
    values = np.concatenate([[0.0], np.ones(500)])
    assert signals.ema(values, 100, 0.5)[50] == pytest.approx(1 - math.exp(-1))
    span = 2 / 0.05 - 1  # of the original, alpha = 2 / (span + 1)
    tau_s = -1 / (100 * math.log(1 - 2 / (span + 1)))
    level, expected = values[0], []
    for value in values:
        level = 0.05 * value + 0.95 * level
        expected.append(level)
    assert signals.ema(values, 100, tau_s) == pytest.approx(expected)


@pytest.mark.parametrize("future", [0.0, 0.3, 1.0])
def test_gaussian_smoothing_is_the_same_at_any_rate(future):
    def smooth(rate):
        times = np.arange(0, 4, 1 / rate)
        return signals.gaussian_smooth(np.sin(9 * times) + np.tanh((times - 2) / 0.1), rate, 0.2, future)

    coarse, fine = smooth(50), smooth(400)[::8]
    assert coarse[40:-40] == pytest.approx(fine[40:-40], abs=0.005)
    assert coarse == pytest.approx(fine, abs=0.1)  # near the ends there is little to go by


def test_causal_smoothing_knows_nothing_of_the_future_and_symmetric_does():
    step = np.concatenate([np.zeros(100), np.ones(100)])
    causal = signals.gaussian_smooth(step, 50, 0.1, 0.0)
    assert not causal[:100].any()
    assert 0 < causal[100] < causal[110] < 1
    some, both = signals.gaussian_smooth(step, 50, 0.1, 0.05), signals.gaussian_smooth(step, 50, 0.1)
    assert 0 < some[98] < both[98]
    assert both[:100] + both[::-1][:100] == pytest.approx(np.ones(100))
    with pytest.raises(BadInput, match="future weight"):
        signals.gaussian_smooth(step, 50, 0.1, 2.0)


def test_smoothing_keeps_constants_ends_and_columns():
    values = np.stack([np.full(50, 0.7), np.linspace(0, 1, 50)], axis=1)
    found = signals.gaussian_smooth(values, 10, 0.5, 0.0)
    assert found[:, 0] == pytest.approx(np.full(50, 0.7))
    assert found[:, 1] == pytest.approx(signals.gaussian_smooth(values[:, 1], 10, 0.5, 0.0))
    assert signals.gaussian_smooth(values, 10, 0.0).tolist() == values.tolist()


def test_a_percentile_of_the_peaks_is_full_scale():
    values = np.zeros(400)
    values[2::4] = np.arange(100) + 1.0
    found = signals.percentile_clip(values, 50)
    assert found.max() == 1
    assert (found[2::4] == 1).sum() == 50
    assert found[2] == pytest.approx(1 / 50.5)
    assert not signals.percentile_clip(np.zeros(10), 97).any()


def test_compress_and_expand_multiply_one_side_and_fill_the_range():
    values = np.array([0.0, 0.2, 0.6, 1.0])
    assert signals.compress(values, 0.5, 0.5) == pytest.approx([0, 0.4, 0.6, 1])
    assert signals.expand(values, 0.5, 0.5) == pytest.approx([0, 0.1, 0.6, 1])


def test_the_published_chain_is_median_then_release_then_gate():
    values = np.array([0, 0, 9, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0.0])
    release_s = -1 / (20 * math.log(0.5))
    found = signals.smooth_chain(values, 20, 3 / 20, release_s, 0.2)
    assert found == pytest.approx([0, 0, 0, 0, 0, 1, 1, 1, 0.5, 0.25, 0, 0, 0, 0])
    both = signals.smooth_chain(np.stack([values, 2 * values], axis=1), 20, 3 / 20, release_s, 0.2)
    assert both[:, 1] == pytest.approx(2 * found)


@pytest.mark.parametrize("rate", [24, 60, 173])
@pytest.mark.parametrize("side", ["decay", "attack", "full"])
def test_an_envelope_is_highest_at_its_hit(side, rate):
    at_s = np.arange(0, 6, 1 / rate)
    hits_s, strengths = np.array([1.013, 2.4, 5.2]), np.array([0.5, 1.0, 0.8])
    found = signals.hit_envelope(hits_s, strengths, at_s, sigma_s=0.1, side=side)
    for hit_s, strength in zip(hits_s, strengths, strict=True):
        near = np.flatnonzero(np.abs(at_s - hit_s) < 0.6)
        top = near[np.argmax(found[near])]
        assert abs(at_s[top] - hit_s) <= 1 / rate
        assert found[top] == pytest.approx(strength, abs=0.09)
    assert found.max() <= 1


def test_the_sides_of_an_envelope():
    at_s = np.arange(0, 3, 0.05)
    one = (np.array([1.5]), np.array([1.0]))
    decay = signals.hit_envelope(*one, at_s, side="decay")
    attack = signals.hit_envelope(*one, at_s, side="attack")
    full = signals.hit_envelope(*one, at_s, side="full")
    assert not decay[at_s < 1.49].any()
    assert not attack[at_s > 1.51].any()
    assert full == pytest.approx(np.maximum(decay, attack))
    assert decay[32] == pytest.approx(math.exp(-0.5))
    with pytest.raises(BadInput, match="no side 'left'"):
        signals.hit_envelope(*one, at_s, side="left")


def test_a_plateau_rests_at_exactly_one():
    assert signals.plateau(np.array([0.0, 0.5, 1.0, 2.0]), 0.2) == pytest.approx([1, 0.9, 0.8, 0.8])
    assert signals.plateau(np.zeros(3), 0.37).tolist() == [1, 1, 1]


def test_a_sawtooth_turns_once_in_the_quietest_and_three_times_in_the_loudest_section():
    edges_s, loudness = np.array([0.0, 2.0, 3.0, 5.0]), np.array([0.1, 0.9, 0.4])
    at_s = np.arange(0, 5, 0.01)
    found = signals.sawtooth(edges_s, loudness, at_s)
    assert [found[0], found[200], found[300]] == [0, 0, 0]
    assert [found[199], found[299], found[499]] == pytest.approx([1, 3, 2], abs=0.04)
    raw = signals.sawtooth(edges_s, loudness, at_s, whole=False)
    assert raw[499] == pytest.approx(1.75, abs=0.02)


def test_nothing_stays_nothing():
    none = np.zeros(0)
    assert signals.norm(none).shape == signals.smooth_chain(none, 100.0, 0.1, 0.1, 0.2).shape == (0,)
    with pytest.raises(BadInput, match="at least one"):
        signals.sample(none, none, np.zeros(3))


@pytest.mark.parametrize("sigma_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_hit_has_a_width(sigma_s):
    with pytest.raises(BadInput, match="above 0"):
        signals.hit_envelope(np.ones(1), np.ones(1), np.arange(3.0), sigma_s=sigma_s)
